"""failFast: the first failure that the flow does not tolerate ends its starts.

It follows from the ledger alone, so it also works when it is switched on after the failure. A step
that has never run is skipped; one that waits for its retry has failed. What runs goes on to its own
end (Drain), or is stopped (Terminate). A person who is asked is not waited for in either.
"""

from __future__ import annotations

from jobflows.engine.draft import Draft
from jobflows.engine.ledger import Reason, StepPhase
from jobflows.engine.observations import AttemptState
from jobflows.engine.outcome import first_failure
from jobflows.engine.stopping import stop_steps


def is_failing_fast(draft: Draft) -> bool:
    """Whether this run has failed already, and no step may start or be tried again."""
    if not draft.flow.policy.fail_fast or not draft.frontier.failures:
        return False
    return draft.ledger.resume.at is None or first_failure(draft) is not None


def fail_fast(draft: Draft) -> None:
    """Close what must not start any more, and what must not go on."""
    if not is_failing_fast(draft):
        return
    drains = draft.flow.policy.fail_fast_mode == "Drain"
    running = sum(draft.records[i].phase is StepPhase.RUNNING for i in draft.frontier.live)
    if drains and draft.frontier.unfinished == running:
        return
    first = first_failure(draft)
    assert first is not None  # it is failing fast
    name = draft.flow.graph.names[first]
    words = f"step {name} failed, and failFast is set"
    before = draft.frontier.unfinished
    for i in range(draft.flow.handlers.start):
        record = draft.records[i]
        if record.phase.terminal or (drains and _runs(draft, i)):
            continue
        if record.phase is StepPhase.PENDING and record.started is not None:
            message = f"{record.message}; not tried again: {words}"
            draft.stop_attempts(i)
            draft.close(i, StepPhase.FAILED, Reason.STEP_FAILED, message)
        else:
            stop_steps(draft, (i,), Reason.FAIL_FAST, words)
    if draft.frontier.unfinished < before:
        draft.event(Reason.FAIL_FAST, f"{words}: no other step starts", warning=True)


def _runs(draft: Draft, i: int) -> bool:
    """Whether a step runs, or has been asked to and may do so any moment."""
    if draft.records[i].phase is StepPhase.RUNNING:
        return True
    attempts = draft.attempts(i)
    return bool(attempts) and attempts[-1].state is AttemptState.STARTING
