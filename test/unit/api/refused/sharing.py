"""Flows that are refused: templates that steps share, and what steps give to them."""

from typing import Any

from unit.api.flows import flow, step
from unit.api.refused.base import IN_POD, ONE, TWO, Case, container, input_from, output_from

TEMPLATE = "spec.templates[0]"
ARGS = f"{IN_POD.replace(ONE, TEMPLATE)}.containers[0].args[0]"
SECRET = input_from(valueFrom={"secretKeyRef": {"name": "s"}})


def shared(args: str = "{{ arguments.x }}", **fields: Any) -> dict[str, Any]:
    return {"name": "work", "template": container(args=[args]), **fields}


def user(name: str = "a", *needs: str, **fields: Any) -> dict[str, Any]:
    made = {"template": None, "templateRef": "work", "arguments": {"x": "1"}, **fields}
    return step(name, *needs, **made)


SHARING = [
    Case(
        "unknown template",
        flow(user(templateRef="wrok"), templates=[shared()]),
        f"{ONE}.templateRef",
        "no template 'wrok'",
        "Did you mean work?",
    ),
    Case(
        "template of a flow without any",
        flow(user()),
        f"{ONE}.templateRef",
        "no template 'work'",
        "Add it to spec.templates",
    ),
    Case(
        "template and templateRef",
        flow(user(template=container()), templates=[shared()]),
        f"{ONE}.templateRef",
        "has a template, too",
        "Remove template or templateRef",
    ),
    Case(
        "Manual with templateRef",
        flow(step("a", type="Manual", template=None, templateRef="work"), templates=[shared("")]),
        f"{ONE}.templateRef",
        "runs nothing",
        "Remove templateRef",
    ),
    Case(
        "arguments without templateRef",
        flow(step("a", arguments={"x": "1"})),
        f"{ONE}.arguments",
        "need a templateRef",
        "Name a template",
    ),
    Case(
        "argument that the template does not mention",
        flow(
            user(arguments={"region": "1", "regions": "2"}),
            templates=[shared("{{ arguments.region }}")],
        ),
        f"{ONE}.arguments.regions",
        "'work' has no {{ arguments.regions }}",
        "Did you mean region?",
    ),
    Case(
        "argument of a template without any",
        flow(user(), templates=[shared("fixed")]),
        f"{ONE}.arguments.x",
        "'work' has no {{ arguments.x }}",
        "Remove it",
    ),
    Case(
        "two missing arguments are one problem of the step",
        flow(user("b", arguments=None), templates=[shared("{{ arguments.x }}{{ arguments.y }}")]),
        f"{ONE}.arguments",
        f"template 'work' needs x, y, as {ARGS} says",
        'x: "…"',
    ),
    Case(
        "argument that is a number",
        flow(user(arguments={"x": 1}), templates=[shared()]),
        f"{ONE}.arguments.x",
        "must be a string",
        "quotes",
    ),
    Case(
        "argument in a template of the step's own",
        flow(step("a", template=container(args=["{{ arguments.x }}"]))),
        f"{ONE}.template.spec.template.spec.containers[0].args[0]",
        "in spec.templates only",
        "Move the template there",
    ),
    Case(
        "argument in another argument",
        flow(user(arguments={"x": "{{ arguments.x }}"}), templates=[shared()]),
        f"{ONE}.arguments.x",
        "in spec.templates only",
        "input parameter",
    ),
    Case(
        "argument of an unknown parameter",
        flow(user(arguments={"x": "{{ parameters.p }}"}), templates=[shared()]),
        f"{ONE}.arguments.x",
        "no parameter 'p'",
        "Add it",
    ),
    Case(
        "filter on an argument",
        flow(user(), templates=[shared("{{ arguments.x }} {{ arguments.x | upper }}")]),
        ARGS,
        "not a placeholder",
        "without functions",
    ),
    Case(
        "parameter that no user of the template has",
        flow(user("a"), user("b"), templates=[shared("{{ arguments.x }} {{ parameters.p }}")]),
        ARGS,
        "no parameter 'p'",
        "inputs.parameters",
    ),
    Case(
        "parameter that one user of the template lacks",
        flow(
            user("a", inputs=input_from(value="1")),
            user("b"),
            templates=[shared("{{ arguments.x }} {{ parameters.p }}")],
        ),
        f"{TWO}.templateRef",
        f"template 'work' needs parameter 'p', as {ARGS} says",
        "inputs.parameters",
    ),
    Case(
        "Secret in the image of a template",
        flow(
            user(arguments=None, inputs=SECRET),
            templates=[shared(template=container(image="x:{{ parameters.p }}"))],
        ),
        f"{ONE}.templateRef",
        "'p' comes from a Secret",
        "command, args or env[].value",
    ),
    Case(
        "Secret that an argument brings into an image",
        flow(
            user(arguments={"x": "v{{ parameters.p }}"}, inputs=SECRET),
            templates=[shared(template=container(image="x:{{ arguments.x }}"))],
        ),
        f"{ONE}.templateRef",
        "'p' comes from a Secret",
        "command, args or env[].value",
    ),
    Case(
        "two templates of one name",
        flow(user(), templates=[shared(), shared()]),
        "spec.templates[1].name",
        "template 'work' exists already as templates[0]",
        "Rename",
    ),
    Case(
        "template with a bad name",
        flow(step("a"), templates=[shared(name="Work")]),
        f"{TEMPLATE}.name",
        "not a DNS label",
        "lower-case",
    ),
    Case(
        "template without a Job",
        flow(step("a"), templates=[{"name": "work"}]),
        f"{TEMPLATE}.template",
        "is required",
        "Write `template:`",
    ),
    Case(
        "shared template without containers",
        flow(step("a"), templates=[shared(template={})]),
        f"{TEMPLATE}.template.spec.template.spec.containers",
        "no containers",
        "name and an image",
    ),
    Case(
        "output of a template with a bad path",
        flow(user(), templates=[shared(outputs=output_from("{.rows}"))]),
        f"{TEMPLATE}.outputs.parameters[0].valueFrom.jsonPath",
        "not a JSON path",
        "$.rows",
    ),
    Case(
        "output that the template does not declare",
        flow(
            user(),
            step("b", "a", when="steps.a.outputs.row == '1'"),
            templates=[shared(outputs=output_from("$.rows"))],
        ),
        f"{TWO}.when",
        "no output 'row'",
        "outputs.parameters",
    ),
    Case(
        "backoff of a template that is zero",
        flow(user(), templates=[shared(retryPolicy={"backoff": {"duration": "0s"}})]),
        f"{TEMPLATE}.retryPolicy.backoff.duration",
        "greater than 0s",
        "such as 10s",
    ),
    Case(
        "backoff of the flow that is zero",
        flow(step("a"), executionPolicy={"retryPolicy": {"backoff": {"duration": "0s"}}}),
        "spec.executionPolicy.retryPolicy.backoff.duration",
        "greater than 0s",
        "such as 10s",
    ),
    Case(
        "templates that are a mapping",
        flow(user(), templates={"work": {}}),
        "spec.templates",
        "must be a list",
        "- item",
    ),
]
