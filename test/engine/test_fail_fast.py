"""failFast: the first failure that the flow does not tolerate ends its starts."""

from __future__ import annotations

import pytest

from engine.flows import flow, step
from engine.outcomes import evicted, fail, hang, succeed
from engine.world import World
from jobflows.engine import FlowPhase, Reason

SLOW = {"type": "Fixed", "duration": "1h", "jitter": 0.0}


def test_scenario_17_fail_fast() -> None:
    """Of independent tasks one fails: what has not started never does, what runs may finish."""
    steps = (step("fails"), step("runs"), step("next", "runs"), step("after", "next"))
    world = World(flow(*steps, failFast=True), fails=fail(after=1), runs=succeed(after=10)).finish()

    assert world.phases == {
        "fails": "Failed",
        "runs": "Succeeded",
        "next": "Skipped",
        "after": "Skipped",
    }
    assert world.record("next").reason == Reason.FAIL_FAST
    assert world.record("next").message == "step fails failed, and failFast is set"
    assert world.started_at("next") == []
    assert world.ledger.phase is FlowPhase.FAILED
    assert world.ledger.reason == Reason.STEP_FAILED
    assert world.ledger.message.startswith("step fails failed")
    assert world.elapsed == 10


def test_scenario_04_fatal_branch_without_fail_fast() -> None:
    """A step that fails three times ends its branch only."""
    steps = [step("a")]
    for i in range(3):
        steps += [step(f"b{i}", "a", retries=2), step(f"c{i}", f"b{i}")]
    world = World(flow(*steps, step("d", "c0 c1 c2")), b1=fail()).finish()

    assert world.ledger.phase is FlowPhase.FAILED
    done = [name for name, phase in world.phases.items() if phase == "Succeeded"]
    assert done == ["a", "b0", "c0", "b2", "c2"]
    assert world.record("b1").attempt == 3
    assert world.started_at("c1") == world.started_at("d") == []


def test_terminate_stops_what_runs() -> None:
    steps = (step("fails"), step("runs"), step("next", "runs"))
    failing = flow(*steps, failFast=True, failFastMode="Terminate")
    world = World(failing, fails=fail(after=1), runs=hang()).finish()

    assert world.phases == {"fails": "Failed", "runs": "Failed", "next": "Skipped"}
    assert world.record("runs").reason == Reason.FAIL_FAST
    assert world.stopped == [("flow-runs-1", 1)]
    assert world.ledger.message.startswith("step fails failed")
    assert "more failed" not in world.ledger.message


def test_the_deadline_ends_the_drain() -> None:
    draining = flow(step("a"), step("b"), failFast=True, activeDeadlineSeconds=5)
    world = World(draining, a=fail(after=1), b=hang()).finish()

    assert world.elapsed == 5
    assert world.ledger.reason == Reason.FLOW_DEADLINE


def test_a_tolerated_failure_is_none() -> None:
    steps = (step("a", may_fail=True), step("b"), step("c", "a b"))
    world = World(flow(*steps, failFast=True), a=fail(), b=succeed(after=1)).finish()

    assert world.phases == {"a": "Failed", "b": "Succeeded", "c": "Succeeded"}
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_failure_that_a_rule_ignores_is_none() -> None:
    rules = {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3]}}]}
    steps = (step("a"), step("b", "a"))
    world = World(flow(*steps, failFast=True, podFailurePolicy=rules), a=fail(3)).finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_retry_is_no_failure_yet() -> None:
    steps = (step("a", retries=1), step("b", "a"))
    world = World(flow(*steps, failFast=True), a=[fail(), succeed()]).finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_step_that_waits_for_its_retry_is_not_tried_again() -> None:
    steps = (step("flaky", retries=3, backoff=SLOW), step("fails"))
    world = World(flow(*steps, failFast=True), flaky=fail(), fails=fail(after=5)).finish()

    assert world.elapsed == 5
    assert world.phases == {"flaky": "Failed", "fails": "Failed"}
    assert world.record("flaky").reason == Reason.STEP_FAILED
    assert "attempt 1" in world.record("flaky").message
    assert world.record("flaky").message.endswith(
        "not tried again: step fails failed, and failFast is set"
    )


@pytest.mark.parametrize("end", [fail(after=9), evicted(after=9)])
def test_a_step_that_fails_while_the_flow_drains_is_not_tried_again(end: object) -> None:
    steps = (step("a", retries=3), step("fails"))
    world = World(flow(*steps, failFast=True), a=end, fails=fail(after=5)).finish()  # type: ignore[arg-type]

    assert world.record("a").attempt == 1
    assert world.record("a").reason not in (Reason.BACKING_OFF, Reason.FAIL_FAST)
    assert world.elapsed == 9


def test_nobody_is_asked_any_more() -> None:
    steps = (step("ask", manual=True), step("fails"))
    world = World(flow(*steps, failFast=True), fails=fail(after=5)).finish()

    assert world.phases == {"ask": "Failed", "fails": "Failed"}
    assert world.ledger.message.startswith("step fails failed")


def test_a_step_that_fails_before_it_starts_fails_fast_as_well() -> None:
    no_value = {"jsonPath": "a:$.outputs.x"}
    steps = (step("a"), step("b", "a", inputs={"x": no_value}), step("c", "a"))
    world = World(flow(*steps, failFast=True)).finish()

    assert world.phases == {"a": "Succeeded", "b": "Failed", "c": "Skipped"}
    assert world.started_at("c") == []


def test_it_may_be_switched_on_after_the_failure() -> None:
    steps = (step("fails"), step("runs"), step("next", "runs"))
    world = World(flow(*steps), fails=fail(after=1), runs=succeed(after=10)).run(5)
    assert world.phases["next"] == "Pending"

    world.edit(flow(*steps, failFast=True))
    world.finish()
    assert world.phases == {"fails": "Failed", "runs": "Succeeded", "next": "Skipped"}


def test_a_step_that_is_added_while_the_flow_drains_does_not_start() -> None:
    steps = (step("fails"), step("runs"))
    world = World(flow(*steps, failFast=True), fails=fail(after=1), runs=succeed(after=10)).run(5)
    world.edit(flow(*steps, step("late"), failFast=True))
    world.finish()

    assert world.phases == {"fails": "Failed", "runs": "Succeeded", "late": "Skipped"}


def test_it_is_told_once() -> None:
    steps = (step("fails"), step("runs"), step("next", "runs"))
    world = World(flow(*steps, failFast=True), fails=fail(after=1), runs=succeed(after=10)).finish()

    assert world.reasons.count(Reason.FAIL_FAST) == 1


def test_the_drain_goes_on_after_a_restart() -> None:
    steps = (step("fails"), step("runs"), step("next", "runs"))
    world = World(flow(*steps, failFast=True), fails=fail(after=1), runs=succeed(after=10)).run(5)
    world.crash()
    world.finish()

    assert world.phases == {"fails": "Failed", "runs": "Succeeded", "next": "Skipped"}
