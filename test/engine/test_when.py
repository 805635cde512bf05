"""when: a condition that is looked at once, when everything it can see is final."""

from __future__ import annotations

import pytest

from engine.flows import flow, step
from engine.outcomes import fail, succeed
from engine.world import World
from jobflows.engine import FlowPhase, Reason


@pytest.mark.parametrize(
    ("when", "phase"),
    [
        ("always", "Succeeded"),
        ("true", "Succeeded"),
        ("never", "Skipped"),
        ("false", "Skipped"),
        ("steps.a.phase == 'Succeeded'", "Succeeded"),
        ("steps.a.phase != 'Succeeded'", "Skipped"),
        ("parameters.mode == 'full' && int(parameters.n) > 3", "Succeeded"),
        ("steps.a.outputs.rows == '7'", "Succeeded"),
        ("int(steps.a.outputs.rows) > 10", "Skipped"),
        ("steps.a.retryCount == 0", "Succeeded"),
    ],
)
def test_a_step_runs_when_its_condition_holds_and_is_skipped_otherwise(
    when: str, phase: str
) -> None:
    steps = (step("a", outputs={"rows": "$.rows"}), step("b", "a", when=when))
    parameters = {"mode": "full", "n": "4"}
    world = World(flow(*steps, parameters=parameters), a=succeed(output='{"rows": 7}')).finish()

    assert world.phases["b"] == phase
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_step_skipped_by_its_condition_counts_as_done() -> None:
    chain = flow(step("a"), step("b", "a", when="never"), step("c", "b"))
    world = World(chain).finish()

    assert world.phases == {"a": "Succeeded", "b": "Skipped", "c": "Succeeded"}
    assert world.record("b").reason == Reason.WHEN_FALSE
    assert "when is false: never" in world.record("b").message
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_row_of_conditions_is_decided_in_one_plan() -> None:
    names = "abcdefgh"
    steps = [step(n, names[i - 1] if i else "", when="never") for i, n in enumerate(names)]
    world = World(flow(*steps)).finish()

    assert world.elapsed == 0
    assert set(world.phases.values()) == {"Skipped"}
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_condition_without_a_value_fails_the_step_and_says_why() -> None:
    steps = (step("a", may_fail=True, outputs={"rows": "$.rows"}), step("c", "b"))
    broken = step("b", "a", when="int(steps.a.outputs.rows) > 1")
    world = World(flow(*steps, broken), a=fail()).finish()

    assert world.phases == {"a": "Failed", "b": "Failed", "c": "Skipped"}
    assert world.record("b").reason == Reason.WHEN_ERROR
    assert "rows" in world.record("b").message
    assert len(world.starts) == 1


def test_a_condition_can_choose_the_way_after_a_tolerated_failure() -> None:
    forked = flow(
        step("try", may_fail=True),
        step("repair", "try", when="steps.try.phase == 'Failed'"),
        step("report", "try", when="steps.try.phase == 'Succeeded'"),
    )

    assert World(forked, **{"try": fail()}).finish().phases["repair"] == "Succeeded"
    assert World(forked).finish().phases["report"] == "Succeeded"


def test_a_condition_is_not_asked_again_at_a_retry() -> None:
    steps = (step("a"), step("b", "a", retries=2, when="parameters.on == 'yes'"))
    world = World(flow(*steps, parameters={"on": "yes"}), b=[fail(), succeed()]).run(1.5)
    world.edit(flow(*steps, parameters={"on": "no"}))
    world.finish()

    assert world.phases["b"] == "Succeeded"


def test_a_step_below_a_failure_is_skipped_whatever_its_condition_says() -> None:
    world = World(flow(step("a"), step("b", "a", when="always")), a=fail()).finish()

    assert world.record("b").reason == Reason.DEPENDENCY_FAILED
