"""executionPolicy.backoffLimit: retries of all steps together."""

from __future__ import annotations

from engine.flows import flow, step
from engine.outcomes import evicted, fail, hang, succeed
from engine.world import World
from jobflows.engine import FlowPhase, Reason


def test_the_flow_fails_when_its_steps_need_more_retries_than_it_has() -> None:
    steps = (step("a", retries=9), step("b", "a", retries=9))
    world = World(flow(*steps, backoffLimit=3), a=[fail(), fail(), succeed()], b=fail()).finish()

    assert world.ledger.phase is FlowPhase.FAILED
    assert world.ledger.reason == Reason.BACKOFF_LIMIT
    assert "step b" in world.ledger.message
    assert sum(record.retries for record in world.ledger.steps) == 3
    assert len(world.started_at("b")) == 2


def test_what_else_runs_is_stopped_then() -> None:
    steps = (step("a", retries=9), step("b"), step("c", "b"))
    world = World(flow(*steps, backoffLimit=0), a=fail(), b=hang()).finish()

    assert world.phases == {"a": "Failed", "b": "Failed", "c": "Skipped"}
    assert world.stopped == [("flow-b-1", 1)]


def test_a_step_without_retries_left_of_its_own_fails_alone() -> None:
    steps = (step("a", retries=1), step("b", retries=2))
    world = World(flow(*steps, backoffLimit=2), a=fail(), b=succeed(30)).finish()

    assert world.phases == {"a": "Failed", "b": "Succeeded"}
    assert world.ledger.reason == Reason.STEP_FAILED


def test_lost_attempts_do_not_count() -> None:
    world = World(
        flow(step("a", losses=5), backoffLimit=0), a=[evicted(), evicted(), succeed()]
    ).finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_tolerated_step_ends_the_flow_as_well_when_the_retries_are_gone() -> None:
    world = World(flow(step("a", retries=9, may_fail=True), backoffLimit=1), a=fail()).finish()

    assert world.ledger.reason == Reason.BACKOFF_LIMIT


def test_the_sum_survives_a_restart() -> None:
    world = World(flow(step("a", retries=9), backoffLimit=3), a=fail()).run(5)
    world.crash()
    world.finish()

    assert len(world.starts) == 4
