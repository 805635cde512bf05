"""Defaults come down from the flow to the template to the step; the nearest one wins."""

from __future__ import annotations

from typing import Any

import pytest

from engine.flows import flow, step
from engine.outcomes import hang
from engine.world import World
from jobflows.engine import CompiledStep

POD = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "busybox"}]}}}}

LEVELS = ("flow", "template", "step")


def resolved(field: str, **values: Any) -> CompiledStep:
    """A step of a template in a flow, of which the levels named set `field`."""
    given = {level: {field: values[level]} for level in LEVELS if level in values}
    made = {"name": "a", "templateRef": "work", **given.get("step", {})}
    work = {"name": "work", "template": POD, **given.get("template", {})}
    return flow(made, templates=[work], **given.get("flow", {})).steps[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"flow": 2}, 2),
        ({"template": 3}, 3),
        ({"step": 4}, 4),
        ({"flow": 2, "template": 3}, 3),
        ({"flow": 2, "step": 4}, 4),
        ({"template": 3, "step": 4}, 4),
        ({"flow": 2, "template": 3, "step": 4}, 4),
    ],
    ids=lambda case: "-".join(case) if isinstance(case, dict) else "",
)
def test_scenario_11_a_timeout_cascades(values: dict[str, int], expected: int | None) -> None:
    assert resolved("timeoutSeconds", **values).timeout == expected


@pytest.mark.parametrize(
    ("values", "limit", "wait", "losses"),
    [
        ({}, 0, 1.0, 10),
        ({"flow": {}}, 3, 1.0, 10),
        ({"flow": {"limit": 2}}, 2, 1.0, 10),
        ({"template": {"limit": 4}}, 4, 1.0, 10),
        ({"flow": {"limit": 2}, "template": {"limit": 4}}, 4, 1.0, 10),
        ({"flow": {"limit": 2}, "step": {"limit": 5}}, 5, 1.0, 10),
        ({"flow": {"limit": 2}, "template": {"limit": 4}, "step": {"limit": 0}}, 0, 1.0, 10),
        ({"flow": {"limit": 2}, "step": {"backoff": {"duration": "7s"}}}, 2, 7.0, 10),
        (
            {
                "flow": {"onDisruption": {"limit": 1}, "limit": 2},
                "template": {"backoff": {"duration": "9s"}},
                "step": {"limit": 3},
            },
            3,
            9.0,
            1,
        ),
        (  # as a whole: the wait of the flow is not mixed into the step's backoff
            {"flow": {"backoff": {"duration": "9s"}}, "step": {"backoff": {"factor": 3}}},
            3,
            1.0,
            10,
        ),
        ({"flow": {"limit": 2}, "template": {"limit": None}, "step": None}, 2, 1.0, 10),
    ],
)
def test_scenario_11_a_retry_policy_cascades_field_by_field(
    values: dict[str, Any], limit: int, wait: float, losses: int
) -> None:
    retry = resolved("retryPolicy", **values).retry

    assert (retry.limit, retry.backoff.duration, retry.on_disruption.limit) == (limit, wait, losses)


def test_outputs_of_the_template_are_replaced_by_name() -> None:
    def outputs(**paths: str) -> dict[str, Any]:
        return {"parameters": [{"name": n, "valueFrom": {"jsonPath": p}} for n, p in paths.items()]}

    made = resolved(
        "outputs", template=outputs(rows="$.rows", size="$.size"), step=outputs(size="$.bytes")
    )

    assert {o.name: o.value_from.json_path for o in made.outputs} == {
        "rows": "$.rows",
        "size": "$.bytes",
    }


def test_the_flows_timeout_stops_jobs_and_leaves_people_their_time() -> None:
    world = World(flow(step("ask", manual=True), step("work"), timeoutSeconds=10))
    world.scripts["work"] = [hang()]
    world.run(11)

    assert world.phases == {"ask": "PendingApproval", "work": "Failed"}


def test_steps_of_one_template_share_its_text() -> None:
    steps = [{"name": f"s{i}", "templateRef": "work"} for i in range(3)]
    compiled = flow(*steps, templates=[{"name": "work", "template": POD}])

    assert len({id(made.template) for made in compiled.steps}) == 1
