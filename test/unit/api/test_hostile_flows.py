"""Flows that somebody wrote to keep the validator busy: the operator's event loop waits for it.

Each is a good part of what an API server takes. The bound is on CPU time, and generous, so that it
tells a cost that grows with the square of a flow from one that does not, on any machine.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from jobflows.api.validation import MOST_PROBLEMS, advise, check
from unit.api.flows import flow, step, template

Object = dict[str, Any]

SECONDS = 8.0


def waits(count: int, behind: Any) -> list[Object]:
    """Manual steps, each behind the one that `behind` says."""
    return [
        {"name": f"s{i}", "type": "Manual", "dependencies": [f"s{behind(i)}"]} for i in range(count)
    ]


def main(**fields: Any) -> Object:
    return step("a", template=template(containers=[{"name": "m", "image": "a:1", **fields}]))


def when(text: str) -> list[Object]:
    return [step("a"), *(step(f"b{i}", "a", when=text) for i in range(100))]


def users(count: int, words: list[str], **fields: Any) -> Object:
    """Steps that all share a template with these words in it."""
    pod = template(containers=[{"name": "m", "image": "a:1", "command": ["x"], "args": words}])
    steps = [{"name": f"s{i}", "templateRef": "w", **fields} for i in range(count)]
    return flow(*steps, templates=[{"name": "w", "template": pod}])


SECRET = {"parameters": [{"name": "k", "valueFrom": {"secretKeyRef": {"name": "a"}}}]}
NEARLY = "x" * 50

HOSTILE: dict[str, Object] = {
    "one cycle": flow(*waits(5000, lambda i: (i + 1) % 5000)),
    "thousands of cycles": flow(*waits(5000, lambda i: i ^ 1)),
    "all the same name": flow(*({"name": "same", "type": "Manual"} for _ in range(5000))),
    "names that nearly match": flow(
        *(
            {"name": f"{i:06}{NEARLY}", "type": "Manual", "dependencies": [f"{i:06}{NEARLY}y"]}
            for i in range(4500)
        )
    ),
    "everybody waits for a thousand": flow(
        *({"name": f"s{i}", "type": "Manual"} for i in range(1000)),
        *(
            {"name": f"w{i}", "type": "Manual", "dependencies": [f"s{j}" for j in range(1000)]}
            for i in range(150)
        ),
    ),
    "arrays that follow a thousand": flow(
        *({"name": f"s{i}", "type": "Manual"} for i in range(5000)),
        *(
            step(
                f"a{i}",
                *(f"s{j}" for j in range(1000)),
                array={"count": 1, "dependencyMode": "Index"},
            )
            for i in range(90)
        ),
    ),
    "placeholders without an end": flow(main(args=["{{ parameters." * 40_000])),
    "placeholders of blanks": flow(main(args=["{{" + " " * 1_400_000])),
    "conditions in brackets": flow(*when("(" * 1000 + "true" + ")" * 1000)),
    "conditions that break off": flow(*when("((((" * 500)),
    "a long condition": flow(*when("steps.a.phase == 'Failed'" + " && true" * 400)),
    "fields that nobody knows": flow({**step("a"), **{f"f{i}": 1 for i in range(20_000)}}),
    "conditions that all differ": flow(
        step("a"),
        *(step(f"b{i}", "a", when=f"{i} > 0" + " && true" * 50) for i in range(400)),
    ),
    "variables without a name": flow(main(env=[{}] * 300_000)),
    "a number without an end": flow(main(resources={"limits": {"memory": "9" * 1_400_000}})),
    "an exponent": flow(main(resources={"limits": {"memory": "1e999999999"}})),
    "arguments that do not fit": flow(
        *(
            {"name": f"s{i}", "templateRef": "w", "arguments": {f"x{i}": "{{ parameters.p }}"}}
            for i in range(4500)
        ),
        templates=[{"name": "w", "template": template()}],
    ),
    "a large template that all share": users(2500, ["x"] * 40_000),
    "a large template of placeholders": users(2500, ["{{ flow.name }}"] * 12_000),
    "a large template of tasks": users(2500, ["{{ task.index }}"] * 12_000, array={"count": 1}),
    "a large template beside secrets": users(2000, ["{{ flow.name }}"] * 8_000, inputs=SECRET),
    "arguments that all lack": users(2500, [f"{{{{ arguments.a{i} }}}}" for i in range(8_000)]),
    "variables of a map that all share": flow(
        *(
            {"name": f"s{i}", "templateRef": "w", "map": {"function": f"a.b{i}:c", "items": [1]}}
            for i in range(2500)
        ),
        templates=[{"name": "w", "template": main(env=[{"name": "x"}] * 40_000)["template"]}],
    ),
    "locks of all limits": flow(
        *(
            {
                "name": f"s{i}",
                "type": "Manual",
                "locks": [{"name": f"l{j}", "limit": i % 7 + 1} for j in range(16)],
            }
            for i in range(1000)
        )
    ),
}


@pytest.mark.parametrize("document", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_flow_costs_no_more_than_its_size(document: Object) -> None:
    assert len(json.dumps(document)) < 1_500_000
    started = time.process_time()
    checked = check(document)
    if checked.flow is not None:
        advise(checked.flow)
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize("document", [flow(main(env=[{}] * 50_000)), flow(*[{}] * 20_000)])
def test_more_problems_than_anybody_reads_are_not_all_made(document: Object) -> None:
    """Half a million took a gigabyte, which the operator does not have."""
    problems = check(document).problems
    assert len(problems) == MOST_PROBLEMS + 1
    assert str(problems[0]) == (
        "has more problems than the 10000 that are listed. Mend these first"
    )
