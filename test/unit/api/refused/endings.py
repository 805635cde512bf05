"""Flows that are refused: words about their end that would mean nothing."""

from unit.api.flows import flow, step, template
from unit.api.refused.base import ONE, TWO, A, Case

HANDLER = "spec.onExit[0]"
TELLS = template(containers=[{"name": "main", "image": "busybox", "args": ["{{ flow.phase }}"]}])

ENDINGS = [
    Case(
        "mode of failFast without failFast",
        flow(A, executionPolicy={"failFastMode": "Terminate"}),
        "spec.executionPolicy.failFastMode",
        "nothing without failFast",
        "failFast: true",
    ),
    Case(
        "misspelt mode of failFast",
        flow(A, executionPolicy={"failFast": True, "failFastMode": "Drian"}),
        "spec.executionPolicy.failFastMode",
        "must be Drain or Terminate",
        "Did you mean Drain?",
    ),
    Case(
        "handler with the name of a step",
        flow(A, onExit=[step("a")]),
        f"{HANDLER}.name",
        "exists already as steps[0]",
        "Rename",
    ),
    Case(
        "two handlers with one name",
        flow(A, onExit=[step("x"), step("x")]),
        "spec.onExit[1].name",
        "exists already as onExit[0]",
        "Rename",
    ),
    Case(
        "handler that depends on a step",
        flow(A, onExit=[step("x", "a")]),
        f"{HANDLER}.dependencies[0]",
        "no exit handler",
        "Remove this dependency",
    ),
    Case(
        "step that depends on a handler",
        flow(A, step("b", "x"), onExit=[step("x")]),
        f"{TWO}.dependencies[0]",
        "'x' is an exit handler",
        "Move 'x' to spec.steps",
    ),
    Case(
        "cycle of handlers",
        flow(A, onExit=[step("x", "y"), step("y", "x")]),
        f"{HANDLER}.dependencies[0]",
        "x -> y -> x",
        "Remove one",
    ),
    Case(
        "step that looks at a handler",
        flow(A, step("b", "a", when="steps.x.phase == 'Failed'"), onExit=[step("x")]),
        f"{TWO}.when",
        "an exit handler, which starts after all steps",
        "that it depends on",
    ),
    Case(
        "handler that looks at one it does not wait for",
        flow(A, onExit=[step("x"), step("y", when="steps.x.phase == 'Failed'")]),
        "spec.onExit[1].when",
        "does not wait for it",
        "Add x to the dependencies",
    ),
    Case(
        "step that looks at the outcome",
        flow(step("a", when="flow.phase == 'Failed'")),
        f"{ONE}.when",
        "flow.phase is known when all steps are done",
        "spec.onExit",
    ),
    Case(
        "unknown part of the outcome",
        flow(A, onExit=[step("x", when="flow.phse == 'Failed'")]),
        f"{HANDLER}.when",
        "the flow has phase, reason, message",
        "always, never",
    ),
    Case(
        "step that tells the outcome",
        flow(step("a", template=TELLS)),
        f"{ONE}.template.spec.template.spec.containers[0].args[0]",
        "known to the Jobs of exit handlers only",
        "spec.onExit",
    ),
    Case(
        "step that shares the template of a handler",
        flow(
            step("a", template=None, templateRef="t"),
            templates=[{"name": "t", "template": TELLS}],
            onExit=[step("x", template=None, templateRef="t")],
        ),
        f"{ONE}.templateRef",
        "{{ flow.phase }}",
        "another template",
    ),
]
