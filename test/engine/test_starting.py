"""An attempt that was asked for and is not confirmed: nobody knows yet whether it exists."""

from __future__ import annotations

import pytest

from engine.flows import START, flow, step
from jobflows.engine import (
    Attempt,
    AttemptRef,
    AttemptState,
    Ledger,
    Observations,
    StartAttempt,
    StepPhase,
    plan,
)

FLOW = flow(step("a", retries=1), step("b", "a"))


def seen(state: AttemptState) -> Observations:
    attempt = Attempt(number=1, state=state, ref=AttemptRef("flow-a-1"))
    return Observations(attempts={0: [attempt]})


def test_it_is_neither_started_again_nor_taken_as_running() -> None:
    first = plan(FLOW, Ledger(), Observations(), START)
    answer = plan(FLOW, first.ledger, seen(AttemptState.STARTING), START)

    assert first.actions == (StartAttempt(0, 1),)
    assert answer.actions == ()
    assert answer.ledger.steps[0].phase is StepPhase.PENDING


@pytest.mark.parametrize("state", [AttemptState.RUNNING, AttemptState.SUCCEEDED])
def test_its_confirmation_counts_as_ever(state: AttemptState) -> None:
    first = plan(FLOW, Ledger(), seen(AttemptState.STARTING), START)
    answer = plan(FLOW, first.ledger, seen(state), START)

    assert answer.ledger.steps[0].attempt == 1


def test_a_request_that_came_to_nothing_is_made_again() -> None:
    first = plan(FLOW, Ledger(), seen(AttemptState.STARTING), START)
    answer = plan(FLOW, first.ledger, Observations(), START)

    assert answer.actions == (StartAttempt(0, 1),)
