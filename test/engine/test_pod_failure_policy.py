"""executionPolicy.podFailurePolicy: what an exit code means."""

from __future__ import annotations

from typing import Any

import pytest

from engine.flows import flow, step
from engine.outcomes import evicted, fail, succeed
from engine.world import World
from jobflows.engine import FlowPhase, Reason


def rule(action: str, operator: str, *values: int, container: str = "") -> dict[str, Any]:
    codes: dict[str, Any] = {"operator": operator, "values": list(values)}
    if container:
        codes["containerName"] = container
    return {"action": action, "onExitCodes": codes}


def run(*rules: dict[str, Any], code: int, container: str = "main", **policy: Any) -> World:
    policy["podFailurePolicy"] = {"rules": list(rules)}
    steps = (step("a", retries=1), step("b", "a"))
    return World(flow(*steps, **policy), a=fail(code, container=container)).finish()


IGNORED = {"a": "Succeeded", "b": "Succeeded"}
FAILED = {"a": "Failed", "b": "Skipped"}


@pytest.mark.parametrize(
    ("rules", "code", "phases", "attempts"),
    [
        ([rule("FailJob", "In", 3)], 3, FAILED, 1),
        ([rule("FailJob", "In", 3)], 4, FAILED, 2),
        ([rule("FailJob", "NotIn", 3)], 4, FAILED, 1),
        ([rule("FailJob", "NotIn", 0)], 1, FAILED, 1),
        ([rule("Ignore", "In", 1, 2)], 2, IGNORED, 1),
        ([rule("Ignore", "NotIn", 1, 2)], 3, IGNORED, 1),
        ([rule("Count", "In", 2)], 2, IGNORED, 1),
        ([rule("Ignore", "In", 2), rule("FailJob", "In", 2)], 2, IGNORED, 1),
        ([rule("FailJob", "In", 2), rule("Ignore", "In", 2)], 2, FAILED, 1),
        ([rule("Ignore", "In", 9), rule("FailJob", "In", 2)], 2, FAILED, 1),
    ],
)
def test_the_first_rule_that_matches_decides(
    rules: list[dict[str, Any]], code: int, phases: dict[str, str], attempts: int
) -> None:
    world = run(*rules, code=code)

    assert world.phases == phases
    assert len(world.started_at("a")) == attempts


def test_an_ignored_failure_says_so() -> None:
    world = run(rule("Ignore", "In", 2), code=2)

    assert world.record("a").reason == Reason.FAILURE_IGNORED
    assert "exited with 2" in world.record("a").message
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_ignore_costs_no_retry_of_the_flow_and_count_costs_one() -> None:
    assert run(rule("Ignore", "In", 2), code=2).record("a").retries == 0
    assert run(rule("Count", "In", 2), code=2).record("a").retries == 1


def test_count_cannot_spend_a_retry_that_the_flow_has_not() -> None:
    world = run(rule("Count", "In", 2), code=2, backoffLimit=0)

    assert world.ledger.reason == Reason.BACKOFF_LIMIT
    assert world.phases == FAILED


@pytest.mark.parametrize(
    ("asked", "failed", "phases"),
    [
        ("", "main", IGNORED),
        ("", "sidecar", FAILED),
        ("sidecar", "sidecar", IGNORED),
        ("sidecar", "main", FAILED),
    ],
)
def test_a_rule_is_about_one_container(asked: str, failed: str, phases: dict[str, str]) -> None:
    world = run(rule("Ignore", "In", 2, container=asked), code=2, container=failed)

    assert world.phases == phases


def test_a_lost_attempt_is_nobodys_exit_code() -> None:
    policy = {"rules": [rule("FailJob", "NotIn", 0)]}
    world = World(
        flow(step("a", losses=1), podFailurePolicy=policy), a=[evicted(), succeed()]
    ).finish()

    assert world.phases == {"a": "Succeeded"}
