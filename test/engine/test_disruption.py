"""Attempts lost through no fault of the program: eviction, preemption, a Job that vanished."""

from __future__ import annotations

from itertools import pairwise

from engine.flows import flow, step
from engine.outcomes import evicted, fail, succeed, vanish
from engine.world import World
from jobflows.engine import FlowPhase, Reason


def test_a_lost_attempt_is_replaced_even_without_a_retry_policy() -> None:
    world = World(flow(step("a")), a=[evicted(), succeed()]).finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert (world.record("a").retries, world.record("a").losses) == (0, 1)


def test_scenario_23_a_job_that_vanished_is_a_lost_attempt() -> None:
    world = World(flow(step("a")), a=[vanish(), succeed()]).run(1)
    assert "flow-a-1 vanished before it had finished" in world.record("a").message

    world.finish()
    assert [number for _, number, _ in world.starts] == [1, 2]
    assert world.record("a").losses == 1


def test_losses_and_retries_have_a_budget_each() -> None:
    script = [evicted(), fail(), vanish(), fail(), evicted(), succeed()]
    world = World(flow(step("a", retries=2, losses=3)), a=script).finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert (world.record("a").retries, world.record("a").losses) == (2, 3)


def test_too_many_losses_fail_the_step() -> None:
    world = World(flow(step("a", losses=2), step("b", "a")), a=evicted()).finish()

    assert len(world.starts) == 3
    assert world.record("a").reason == Reason.DISRUPTION_LIMIT
    assert "onDisruption.limit of 2" in world.record("a").message
    assert world.phases["b"] == "Skipped"


def test_the_wait_grows_so_that_a_bad_node_makes_no_hot_loop() -> None:
    starts = World(flow(step("a", losses=10)), a=evicted(after=0)).finish().started_at("a")
    waits = [b - a for a, b in pairwise(starts)]

    assert 1 <= waits[0] <= 1.2
    assert all(later >= earlier for earlier, later in pairwise(waits))
    assert waits[-1] <= 300


def test_a_finished_steps_job_may_vanish() -> None:
    world = World(flow(step("a"), step("b", "a")), b=succeed(10)).run(5)
    world.jobs = [job for job in world.jobs if job.step != "a"]
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert len(world.started_at("a")) == 1
