"""Dependencies: what waits for what, and what a failure means for the steps below it."""

from __future__ import annotations

from engine.flows import flow, step
from engine.outcomes import fail, hang
from engine.world import World
from jobflows.engine import FlowPhase, Reason


def test_scenario_02_a_chain_runs_in_order_one_after_the_other() -> None:
    world = World(flow(step("c", "b"), step("b", "a"), step("a"))).finish()

    assert [name for name, _, _ in world.starts] == ["a", "b", "c"]
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.elapsed == 3


def test_independent_steps_run_side_by_side_and_a_join_waits_for_all() -> None:
    diamond = flow(step("a"), step("b", "a"), step("c", "a"), step("d", "b c"))

    world = World(diamond, c=hang()).run(5)
    assert world.started_at("b") == world.started_at("c") == [1]
    assert world.started_at("d") == []

    assert World(diamond).finish().started_at("d") == [2]


def test_a_failed_step_skips_its_descendants_and_names_itself_as_the_reason() -> None:
    world = World(
        flow(step("a"), step("b", "a"), step("c", "b"), step("other")), a=fail(3)
    ).finish()

    assert world.phases == {"a": "Failed", "b": "Skipped", "c": "Skipped", "other": "Succeeded"}
    for below in ("b", "c"):
        assert world.record(below).reason == Reason.DEPENDENCY_FAILED
        assert world.record(below).message == "step a did not succeed"
    assert world.ledger.phase is FlowPhase.FAILED
    assert "step a failed" in world.ledger.message
    assert "exited with 3" in world.ledger.message


def test_independent_branches_finish_although_another_branch_failed() -> None:
    branches = flow(step("bad"), step("good"), step("later", "good"))
    world = World(branches, bad=fail()).finish()

    assert world.phases["later"] == "Succeeded"
    assert world.ledger.phase is FlowPhase.FAILED


def test_the_message_of_a_failed_flow_counts_all_failures() -> None:
    world = World(flow(step("a"), step("b")), a=fail(after=2), b=fail(after=1)).finish()

    assert "step b failed" in world.ledger.message
    assert "1 more failed" in world.ledger.message


def test_a_step_skipped_through_two_parents_is_skipped_once() -> None:
    both = flow(step("a"), step("b"), step("c", "a b"), step("d", "c a"))
    world = World(both, a=fail(), b=fail()).finish()

    assert world.phases == {"a": "Failed", "b": "Failed", "c": "Skipped", "d": "Skipped"}
    assert world.status["progress"] == {
        "completedSteps": 4,
        "totalSteps": 4,
        "successfulSteps": 0,
        "failedSteps": 2,
        "skippedSteps": 2,
        "summary": "4/4",
    }


def test_a_step_that_depends_twice_on_the_same_step_needs_it_once() -> None:
    world = World(flow(step("a"), step("b", "a"), step("c", "a b"))).finish()

    assert world.started_at("c") == [2]


def test_every_transition_is_told_once() -> None:
    world = World(flow(step("a"), step("b", "a"))).finish()

    assert world.reasons == [
        "FlowStarted",
        "Started",
        "Completed",
        "Started",
        "Completed",
        "FlowSucceeded",
    ]
