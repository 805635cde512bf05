"""The flow as a whole: its phase while it runs, its end, and what is left to do after that."""

from __future__ import annotations

from jobflows.engine.draft import Draft
from jobflows.engine.frontier import is_failure
from jobflows.engine.ledger import FlowPhase, Reason, StepPhase
from jobflows.engine.plan import DeleteFlow
from jobflows.engine.stopping import stop_steps


def stop_flow(draft: Draft, reason: str, message: str) -> None:
    """End the flow now: steps that ever ran fail and are stopped, the others are skipped."""
    stop_steps(draft, range(len(draft.records)), reason, message)
    draft.set_flow(reason=reason, message=message)
    _end(draft, FlowPhase.FAILED)


def settle(draft: Draft) -> None:
    """Set the flow's phase from its steps, and end it when all of them are final."""
    frontier = draft.frontier
    if frontier.unfinished == 0:
        if frontier.failures:
            draft.set_flow(reason=Reason.STEP_FAILED, message=_words_of_failure(draft))
            _end(draft, FlowPhase.FAILED)
        else:
            draft.set_flow(reason=Reason.COMPLETED, message="")
            _end(draft, FlowPhase.SUCCEEDED)
        return
    if draft.flow.suspend:
        draft.set_flow(
            phase=FlowPhase.SUSPENDED, reason=Reason.SUSPENDED, message="spec.suspend is true"
        )
    elif not frontier.ready and _waits_for_people(draft):
        names = [draft.flow.graph.names[i] for i in sorted(frontier.live)]
        draft.set_flow(
            phase=FlowPhase.PAUSED,
            reason=Reason.AWAITING_APPROVAL,
            message=f"waits for approval of {', '.join(names[:5])}",
        )
    else:
        draft.set_flow(phase=FlowPhase.RUNNING, reason=Reason.STARTED, message="")


def _waits_for_people(draft: Draft) -> bool:
    """Whether nothing runs, and somebody is asked."""
    live = draft.frontier.live
    return bool(live) and all(draft.records[i].phase is StepPhase.PENDING_APPROVAL for i in live)


def look_after(draft: Draft) -> None:
    """A finished flow only waits for its TTL, and makes sure that nothing of it still runs."""
    finished = draft.ledger.finished
    if finished is None:
        return
    expires = finished + draft.flow.policy.ttl_seconds_after_finished
    if draft.now >= expires:
        draft.actions.append(DeleteFlow())
    elif draft.look_at_all or draft.now == finished:
        draft.frontier.set_timer(expires, -1)


def _end(draft: Draft, phase: FlowPhase) -> None:
    draft.set_flow(phase=phase, finished=draft.now)
    words = draft.ledger.message or f"all {len(draft.records)} steps are done"
    draft.event(f"Flow{phase}", words, warning=phase is FlowPhase.FAILED)
    look_after(draft)


def first_failure(draft: Draft) -> int:
    """The failed step that a reader should look at first; failFast ended others because of it."""
    return min(_failed(draft))[2]


def _words_of_failure(draft: Draft) -> str:
    failed = _failed(draft)
    first = min(failed)[2]
    record = draft.records[first]
    own = sum(not others for others, _, _ in failed)
    more = f" (and {own - 1} more failed steps)" if own > 1 else ""
    return f"step {draft.flow.graph.names[first]} failed: {record.reason}: {record.message}{more}"


def _failed(draft: Draft) -> list[tuple[bool, float, int]]:
    """Failures that the flow does not tolerate: (through failFast, when, step)."""
    return [
        (record.reason == Reason.FAIL_FAST, record.finished or 0.0, i)
        for i, record in enumerate(draft.records)
        if is_failure(draft.flow, i, record)
    ]
