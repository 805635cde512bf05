"""The validator: what it refuses, with which words, and what it lets through."""

import os
import subprocess
import sys
from typing import Any

import pytest
import yaml

from jobflows.api.validation import check, validate
from unit.api.flows import EXAMPLES, flow, step, template
from unit.api.refused import REFUSED, Case
from unit.api.refused.base import container, output_from
from unit.api.refused.growth import HEAVY, growing, to
from unit.api.refused.sharing import SECRET, shared, user

ACCEPTED: dict[str, dict[str, Any]] = {
    "one step": flow(step("a")),
    "a generated name": {**flow(step("a")), "metadata": {"generateName": "nightly-"}},
    "nulls for absent fields": flow(step("a", when=None), executionPolicy=None),
    "a flow name with dots": flow(step("a"), name="a.b.c"),
    "the longest names": flow(step("s" * 63), name="f" * 253),
    "a Manual step without template": flow(step("a", type="Manual", template=None, message="?")),
    "everything grows": growing(
        to(memory="8Gi"),
        to(),
        memory={"factor": 1.5, "max": "4Gi"},
        cpu={"values": [1, "1500m"]},
        timeout={"values": [90, 120], "max": 100},
    ),
    "a default for the steps that can follow it": flow(
        step("a", template=template(containers=[HEAVY])),
        step("b"),
        executionPolicy={"retryPolicy": {"resources": {"memory": {"factor": 2}}}},
    ),
    "budgets by cause": flow(
        step("a", retryPolicy={"onOutOfMemory": {"limit": 5}, "onTimeout": {}})
    ),
    "no retries": flow(step("a", retryPolicy={"limit": 0})),
    "an empty retry policy": flow(step("a", retryPolicy={})),
    "a first wait above the default maximum": flow(
        step("a", retryPolicy={"backoff": {"duration": "2h"}})
    ),
    "a template with a name": flow(
        step("a", template={**template(), "metadata": {"name": "x", "namespace": "y"}})
    ),
    "exit code 0": flow(
        step("a"),
        executionPolicy={
            "podFailurePolicy": {
                "rules": [{"action": "Count", "onExitCodes": {"operator": "In", "values": [0]}}]
            }
        },
    ),
    "somebody else's braces": flow(
        step("a", template=template(hostname="{{ .Values.x }} ${HOME} {{ item }}"))
    ),
    "a Secret in an init container's command": flow(
        step(
            "a",
            inputs={"parameters": [{"name": "p", "valueFrom": {"secretKeyRef": {"name": "s"}}}]},
            template=template(
                initContainers=[{"name": "i", "image": "x", "command": ["{{ parameters.p }}"]}]
            ),
        )
    ),
    "a quantity from a parameter": flow(
        step(
            "a",
            template=template(
                containers=[
                    {
                        "name": "main",
                        "image": "x",
                        "resources": {"limits": {"memory": "{{ parameters.m }}"}},
                    }
                ]
            ),
        ),
        parameters=[{"name": "m", "value": "1Gi"}],
    ),
    "an ancestor that is no parent": flow(
        step("a"), step("b", "a"), step("c", "b", when="steps.a.phase == 'Failed'")
    ),
    "a template that nobody uses": flow(
        step("a"), templates=[shared("{{ arguments.x }} {{ parameters.p }}")]
    ),
    "arguments with parameters of the flow, of the step and of the attempt": flow(
        user(
            arguments={"x": "{{ parameters.p }} {{ parameters.q }} {{ step.name }}"},
            inputs={"parameters": [{"name": "p", "value": "1"}]},
        ),
        templates=[shared()],
        parameters=[{"name": "q", "value": "2"}],
    ),
    "a Secret through an argument into an arg": flow(
        user(arguments={"x": "{{ parameters.p }}"}, inputs=SECRET), templates=[shared()]
    ),
    "a quantity from an argument": flow(
        user(arguments={"m": "1Gi"}),
        templates=[
            shared(template=container(resources={"limits": {"memory": "{{ arguments.m }}"}}))
        ],
    ),
    "a condition on an output of the template": flow(
        user(),
        step("b", "a", when="steps.a.outputs.rows == '1'"),
        templates=[shared(outputs=output_from("$.rows"))],
    ),
    "a step called like a CEL keyword": flow(
        step("in"), step("b", "in", when="steps.in.phase == 'Succeeded'")
    ),
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.title.replace(" ", "-"))
def test_a_bad_flow_is_refused_with_a_place_a_reason_and_a_cure(case: Case) -> None:
    problems = validate(case.document)

    at = [problem for problem in problems if problem.dotted == case.path]
    assert at, f"nothing at {case.path}, but {[str(problem) for problem in problems]}"
    assert case.message in at[0].message
    assert case.cure in at[0].cure
    assert len(problems) == 1, [str(problem) for problem in problems]


@pytest.mark.parametrize("title", ACCEPTED)
def test_a_good_flow_is_accepted(title: str) -> None:
    checked = check(ACCEPTED[title])

    assert checked.problems == []
    assert checked.flow is not None


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_valid_and_survives_the_models(path: Any) -> None:
    document = yaml.safe_load(path.read_text())

    checked = check(document)

    assert checked.problems == []
    assert checked.flow is not None
    assert checked.flow.document() == document


def test_all_problems_are_named_at_once_in_the_order_of_the_document() -> None:
    document = flow(
        step("a", dependecies=[]),
        step("b", "nope", retryPolicy={"limit": -1}),
        step("c", when="x ="),
        executionPolicy={"backoffLimit": "six"},
    )

    assert [problem.dotted for problem in validate(document)] == [
        "spec.executionPolicy.backoffLimit",
        "spec.steps[0].dependecies",
        "spec.steps[1].dependencies[0]",
        "spec.steps[1].retryPolicy.limit",
        "spec.steps[2].when",
    ]


def test_what_is_malformed_is_not_also_called_missing() -> None:
    document = flow(step("a", template="busybox"), step("b", inputs={"parameters": [
        {"name": "p", "value": 3},
    ]}))  # fmt: skip

    assert [problem.dotted for problem in validate(document)] == [
        "spec.steps[0].template",
        "spec.steps[1].inputs.parameters[0].value",
    ]


def test_each_knot_of_steps_has_its_own_cycle() -> None:
    document = flow(step("a", "b"), step("b", "a"), step("c", "d"), step("d", "c"), step("e", "a"))

    problems = validate(document)

    assert [problem.message.rsplit(": ", 1)[1] for problem in problems] == [
        "a -> b -> a",
        "c -> d -> c",
    ]


def test_a_long_cycle_is_shown_short() -> None:
    size = 50
    document = flow(*(step(f"s{i}", f"s{(i + 1) % size}") for i in range(size)))

    (problem,) = validate(document)

    assert "s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> … 40 more … -> s46" in problem.message
    assert problem.message.endswith("s49 -> s0")


def test_a_problem_reads_as_one_line() -> None:
    (problem,) = validate(flow(step("a", "a")))

    assert str(problem) == (
        "spec.steps[0].dependencies[0]: step 'a' depends on itself. Remove this dependency"
    )


def test_keys_that_are_no_words_are_quoted_in_a_path() -> None:
    document = flow(step("a", metadata={"labels": {"example.com/x": "{{ parameters.y }}"}}))

    assert validate(document)[0].dotted == "spec.steps[0].metadata.labels['example.com/x']"


def test_a_misspelt_dependency_is_not_also_called_missing() -> None:
    document = flow(step("extract"), step("b", "extrct", when="steps.extract.phase == 'Failed'"))

    assert [problem.dotted for problem in validate(document)] == ["spec.steps[1].dependencies[0]"]


def test_a_flow_from_the_api_server_is_accepted() -> None:
    document = flow(step("a"))
    document["metadata"] |= {"uid": "u", "managedFields": [{}], "creationTimestamp": None}
    document["status"] = {"phase": "Running", "whatever": 1}

    assert validate(document) == []


def test_a_plain_flow_loads_none_of_the_slow_libraries() -> None:
    code = (
        "import sys; from jobflows.api.validation import validate; from unit.api.flows import *; "
        "assert validate(flow(step('a'), step('b', 'a', when='always'))) == []; "
        "print([name for name in ('cel', 'jsonpath', 'networkx') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "[]\n"
