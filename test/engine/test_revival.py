"""A ledger whose runner died: what was running is as if it had not been started."""

from __future__ import annotations

from dataclasses import replace

from engine.flows import START, flow, step
from jobflows.engine import (
    Attempt,
    AttemptRef,
    AttemptState,
    FlowPhase,
    Ledger,
    Observations,
    StartAttempt,
    StepPhase,
    plan,
    revive,
)
from jobflows.engine.indexes import IndexSet

LATER = START + 86_400


def seen(number: int, state: AttemptState, **facts: object) -> Attempt:
    return Attempt(number=number, state=state, ref=AttemptRef(f"job-{number}"), **facts)  # type: ignore[arg-type]


def test_what_was_running_is_started_again_and_costs_nothing() -> None:
    compiled = flow(step("a"), step("b", "a"), activeDeadlineSeconds=60)
    begun = plan(compiled, Ledger(), Observations(), START).ledger
    runs = {0: [seen(1, AttemptState.RUNNING, created=START)]}
    ledger = plan(compiled, begun, Observations(attempts=runs), START).ledger
    assert ledger.steps[0].phase is StepPhase.RUNNING
    revived = revive(ledger, {}, LATER)
    assert revived.started == LATER, "the deadline begins anew"
    decided = plan(compiled, revived, Observations(), LATER)
    assert decided.actions == (StartAttempt(0, 2),)
    assert decided.ledger.phase is FlowPhase.RUNNING
    assert decided.ledger.steps[0].spent.losses == 0


def test_an_end_that_was_on_record_counts() -> None:
    compiled = flow(step("a"), step("b", "a"))
    runs = {0: [seen(1, AttemptState.RUNNING, created=START)]}
    ledger = plan(compiled, Ledger(), Observations(attempts=runs), START).ledger
    ends = {0: [seen(1, AttemptState.SUCCEEDED, created=START)]}
    decided = plan(compiled, revive(ledger, ends, LATER), Observations(attempts=ends), LATER)
    assert decided.ledger.steps[0].phase is StepPhase.SUCCEEDED
    assert decided.actions == (StartAttempt(1, 1),)


def test_of_an_array_only_the_tasks_without_an_end_run_again() -> None:
    compiled = flow(step("a", array={"count": 3}))
    one, two = (IndexSet.of([i]) for i in (0, 1))
    runs = {
        0: [
            seen(1, AttemptState.RUNNING, created=START, tasks=one),
            seen(2, AttemptState.RUNNING, created=START, tasks=two),
        ]
    }
    ledger = plan(compiled, Ledger(), Observations(), START).ledger
    ledger = plan(compiled, ledger, Observations(attempts=runs), START).ledger
    tasks = ledger.steps[0].tasks
    assert tasks is not None
    assert tasks.running == one | two
    ends = {0: [seen(1, AttemptState.SUCCEEDED, created=START, tasks=one)]}
    decided = plan(compiled, revive(ledger, ends, LATER), Observations(attempts=ends), LATER)
    (action,) = decided.actions
    assert isinstance(action, StartAttempt)
    assert (action.number, str(action.tasks)) == (3, "1-2")


def test_a_flow_that_has_ended_stays_as_it_is() -> None:
    ended = replace(Ledger(), phase=FlowPhase.FAILED, started=START)
    assert revive(ended, {}, LATER) is ended
