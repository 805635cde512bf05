"""Manual steps: approved, rejected, or forgotten."""

from __future__ import annotations

import pytest

from engine.flows import flow, step
from engine.outcomes import hang
from engine.world import World
from jobflows.engine import FlowPhase, Reason, StepPhase

GATED = flow(step("a"), step("ask", "a", manual=True, message="Migrate?"), step("b", "ask"))


def test_the_flow_pauses_and_says_what_it_waits_for() -> None:
    world = World(GATED).run(100)

    assert world.phases == {"a": "Succeeded", "ask": "PendingApproval", "b": "Pending"}
    assert world.record("ask").message == "Migrate?"
    assert world.ledger.phase is FlowPhase.PAUSED
    assert "approval of ask" in world.ledger.message
    asked = world.events[-1]
    assert asked.reason == Reason.AWAITING_APPROVAL
    assert 'approved.workflow.kube-zen.io/ask="true"' in asked.message


def test_approval_lets_it_go_on() -> None:
    world = World(GATED).run(100)
    world.approvals["ask"] = True
    world.finish()

    assert world.record("ask").reason == Reason.APPROVED
    assert world.started_at("b") == [100]
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_rejection_fails_the_step_and_skips_what_follows() -> None:
    world = World(GATED).run(100)
    world.approvals["ask"] = False
    world.finish()

    assert world.phases == {"a": "Succeeded", "ask": "Failed", "b": "Skipped"}
    assert world.record("ask").reason == Reason.APPROVAL_DENIED


@pytest.mark.parametrize(("answer", "phase"), [(True, "Succeeded"), (False, "Failed")])
def test_an_answer_given_early_counts_when_the_step_is_reached(answer: bool, phase: str) -> None:
    world = World(GATED)
    world.approvals["ask"] = answer
    world.finish()

    assert world.phases["ask"] == phase
    assert world.record("ask").finished == world.record("a").finished


def test_an_answer_taken_back_before_the_step_is_reached_is_none() -> None:
    world = World(GATED)
    world.approvals["ask"] = True
    world.run(0.5)
    del world.approvals["ask"]
    world.run(100)

    assert world.phases["ask"] == "PendingApproval"


def test_an_answer_taken_back_later_changes_nothing() -> None:
    world = World(GATED)
    world.scripts["b"] = [hang()]
    world.approvals["ask"] = True
    world.run(10)
    world.approvals["ask"] = False
    world.run(10)
    del world.approvals["ask"]
    world.run(10)

    assert world.phases == {"a": "Succeeded", "ask": "Succeeded", "b": "Running"}


def test_nobody_answers_in_time() -> None:
    world = World(flow(step("ask", manual=True, timeoutSeconds=60))).run(0)
    assert world.last is not None
    assert world.last.wake_at == world.now + 60
    world.finish()

    assert world.elapsed == 60
    assert world.record("ask").reason == Reason.TIMEOUT


def test_the_time_for_an_answer_runs_on_through_a_restart() -> None:
    world = World(flow(step("ask", manual=True, timeoutSeconds=60))).run(30)
    world.crash()
    world.finish()

    assert world.elapsed == 60


def test_an_answer_in_the_last_moment_counts() -> None:
    world = World(flow(step("ask", manual=True, timeoutSeconds=60))).run(59)
    world.now += 1
    world.approvals["ask"] = True
    world.finish()

    assert world.phases["ask"] == "Succeeded"


def test_a_flow_is_not_paused_while_something_else_runs() -> None:
    world = World(flow(step("ask", manual=True), step("b")), b=hang()).run(5)

    assert world.ledger.phase is FlowPhase.RUNNING
    assert world.record("ask").phase is StepPhase.PENDING_APPROVAL


def test_a_manual_step_obeys_its_condition() -> None:
    world = World(flow(step("ask", manual=True, when="never"), step("b", "ask"))).finish()

    assert world.phases == {"ask": "Skipped", "b": "Succeeded"}


def test_a_rejected_step_that_may_fail_lets_the_flow_go_on() -> None:
    world = World(flow(step("ask", manual=True, may_fail=True), step("b", "ask")))
    world.approvals["ask"] = False
    world.finish()

    assert world.phases == {"ask": "Failed", "b": "Succeeded"}
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_the_question_is_asked_once() -> None:
    world = World(GATED).run(100)
    for _ in range(5):
        world.run(10)

    assert world.reasons.count(Reason.AWAITING_APPROVAL) == 1


def test_two_questions_in_a_row_answered_beforehand_take_no_time() -> None:
    world = World(flow(step("x", manual=True), step("y", "x", manual=True), step("z", "y")))
    world.approvals.update(x=True, y=True)
    world.run(0)

    assert world.started_at("z") == [0]
