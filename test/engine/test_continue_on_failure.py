"""continueOnFailure: a step that may fail."""

from __future__ import annotations

from engine.flows import flow, step
from engine.outcomes import fail, hang, rejected
from engine.world import World
from jobflows.engine import FlowPhase


def test_dependents_run_and_the_flow_succeeds() -> None:
    world = World(flow(step("a", may_fail=True), step("b", "a")), a=fail()).finish()

    assert world.phases == {"a": "Failed", "b": "Succeeded"}
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.status["progress"]["failedSteps"] == 1


def test_retries_come_first() -> None:
    world = World(flow(step("a", may_fail=True, retries=2), step("b", "a")), a=fail()).finish()

    assert len(world.started_at("a")) == 3
    assert world.started_at("b") == [5]


def test_another_failure_still_fails_the_flow() -> None:
    world = World(flow(step("a", may_fail=True), step("b", "a")), a=fail(2), b=fail(3)).finish()

    assert world.ledger.phase is FlowPhase.FAILED
    assert "step b failed" in world.ledger.message
    assert "exited with 3" in world.ledger.message


def test_a_timeout_and_a_rejected_job_are_tolerated_as_well() -> None:
    steps = (step("a", timeout=5, may_fail=True), step("b", may_fail=True), step("c", "a b"))
    world = World(flow(*steps), a=hang(), b=rejected()).finish()

    assert world.phases == {"a": "Failed", "b": "Failed", "c": "Succeeded"}


def test_a_tolerated_step_below_a_failure_is_skipped_and_skips_on() -> None:
    chain = flow(step("a"), step("b", "a", may_fail=True), step("c", "b"))
    world = World(chain, a=fail()).finish()

    assert world.phases == {"a": "Failed", "b": "Skipped", "c": "Skipped"}
