"""A new operator takes over: what it finds is taken as it is, and nothing runs twice."""

from __future__ import annotations

import pytest

from engine.flows import flow, step
from engine.outcomes import Outcome, evicted, fail, hang, succeed
from engine.world import World
from jobflows.engine import FlowPhase, StepPhase


def forgetful(world: World, seconds: float) -> World:
    """Nothing is written from now on, and after some seconds the operator dies."""
    world.writes = lambda: False
    world.run(seconds)
    world.crash()
    world.writes = lambda: True
    return world


@pytest.mark.parametrize("outcome", [succeed(5), succeed(1), hang()])
def test_a_job_that_no_status_knows_is_adopted(outcome: Outcome) -> None:
    world = forgetful(World(flow(step("a")), a=outcome), 3)
    world.run(10)

    assert len(world.starts) == 1
    expected = "Running" if outcome.end == "hang" else "Succeeded"
    assert world.phases == {"a": expected}


def test_a_whole_chain_that_no_status_knows_is_adopted() -> None:
    chain = flow(step("c", "b"), step("b", "a"), step("a"), step("d", "c"))
    world = forgetful(World(chain), 2.5)
    world.finish()

    assert [name for name, _, _ in world.starts] == ["a", "b", "c", "d"]
    assert world.elapsed == 4


def test_an_adopted_attempt_costs_what_it_would_have_cost() -> None:
    world = World(flow(step("a", retries=2)), a=fail()).run(0.5)
    forgetful(world, 1.6)  # attempt 2 runs, the status says 1
    assert world.status["steps"][0]["attempt"] == 1
    world.finish()

    assert len(world.starts) == 3
    assert world.record("a").retries == 2


def test_adopted_losses_stay_losses() -> None:
    world = World(flow(step("a", retries=1)), a=[evicted(), fail(), succeed()]).run(0.5)
    forgetful(world, 2)
    world.finish()

    assert (world.record("a").retries, world.record("a").losses) == (1, 1)
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_attempts_of_which_nothing_is_left_count_as_lost() -> None:
    world = World(flow(step("a", retries=1)), a=[fail(), succeed(10)])
    world.writes = lambda: False
    world.run(3)
    world.jobs = [job for job in world.jobs if job.number == 2]
    world.crash()
    world.run(1)

    record = world.record("a")
    assert record.phase is StepPhase.RUNNING
    assert (record.attempt, record.retries, record.losses) == (2, 0, 1)


def test_a_job_that_ended_while_nobody_looked_is_taken_in() -> None:
    world = World(flow(step("a"), step("b", "a")), a=succeed(5)).run(1)
    world.now += 100
    world.crash()
    world.finish()

    assert world.phases == {"a": "Succeeded", "b": "Succeeded"}


def test_a_child_that_runs_goes_on_while_its_parent_is_asked_for_again() -> None:
    """The approval was taken in but not written, and is gone since."""
    world = World(flow(step("ask", manual=True), step("b", "ask")), b=succeed(10)).run(0)
    world.approvals["ask"] = True
    forgetful(world, 1)
    world.approvals.clear()
    world.run(5)
    assert world.phases == {"ask": "PendingApproval", "b": "Running"}

    world.run(20)
    assert world.phases == {"ask": "PendingApproval", "b": "Succeeded"}
    world.approvals["ask"] = True
    assert world.finish().ledger.phase is FlowPhase.SUCCEEDED


def test_an_orphaned_child_is_not_tried_again_below_a_failure() -> None:
    steps = (step("ask", manual=True), step("b", "ask", retries=3))
    world = World(flow(*steps), b=fail(after=10)).run(0)
    world.approvals["ask"] = True
    forgetful(world, 1)
    world.approvals["ask"] = False
    world.finish()

    assert len(world.started_at("b")) == 1
    assert world.phases == {"ask": "Failed", "b": "Skipped"}


def test_two_operators_one_after_the_other_at_every_moment() -> None:
    steps = (step("a", retries=3), step("b", "a"), step("c", "a", retries=1), step("d", "b c"))
    for tenths in range(0, 70, 3):
        world = World(flow(*steps), a=[fail(), succeed()], c=[evicted(), fail(), succeed()])
        forgetful(world, tenths / 10)
        world.finish()

        assert world.ledger.phase is FlowPhase.SUCCEEDED
        assert sorted({(n, k) for n, k, _ in world.starts}) == sorted(
            (n, k) for n, k, _ in world.starts
        )
        assert len(world.starts) == 7
