"""The flow as a whole: its phase while it runs, its end, and what is left to do after that.

A flow with exit handlers ends twice: first its steps, which is remembered as the outcome, then the
handlers, after which the flow takes that outcome.
"""

from __future__ import annotations

from dataclasses import replace

from jobflows.engine.draft import Draft
from jobflows.engine.frontier import is_failure
from jobflows.engine.ledger import FlowPhase, Outcome, Reason, StepPhase
from jobflows.engine.observations import StopMode
from jobflows.engine.plan import DeleteFlow
from jobflows.engine.stopping import stop_steps

WITHOUT_HANDLERS = (Reason.TERMINATED, Reason.RESOURCE_CONFLICT)
"""Ends after which no exit handler runs: a person says so, or their volumes are somebody else's."""


def stop_flow(draft: Draft, reason: str, message: str, *, with_handlers: bool = True) -> None:
    """End the steps now, and with them a flow that has no exit handlers, or has never begun."""
    stop_steps(draft, range(draft.flow.handlers.start), reason, message)
    if not with_handlers or reason in WITHOUT_HANDLERS or draft.ledger.started is None:
        stop_steps(draft, draft.flow.handlers, reason, message)
    _conclude(draft, Outcome(FlowPhase.FAILED, reason, message))


def conclude(draft: Draft) -> None:
    """All steps are final: the flow ends as they did, or its exit handlers begin."""
    if draft.frontier.failures:
        words = _words_of_failure(draft, "step", range(draft.flow.handlers.start))
        _conclude(draft, Outcome(FlowPhase.FAILED, Reason.STEP_FAILED, words))
    else:
        _conclude(draft, Outcome(FlowPhase.SUCCEEDED, Reason.COMPLETED))


def close(draft: Draft, outcome: Outcome) -> None:
    """While exit handlers run: end the flow when they are done, or when they must not go on."""
    request = draft.seen.stop
    if draft.frontier.handlers == 0:
        _end(draft, _with_handlers(draft, outcome))
        return
    if request is not None and request.mode is StopMode.TERMINATE:
        reason, words = Reason.TERMINATED, request.words
    elif draft.seen.resources_problem:
        reason, words = Reason.RESOURCE_CONFLICT, draft.seen.resources_problem
    else:
        return
    stop_steps(draft, draft.flow.handlers, reason, words)
    _end(draft, Outcome(FlowPhase.FAILED, reason, f"{words}; {_so_far(outcome)}"))


def settle(draft: Draft) -> None:
    """Set the phase of a flow that goes on."""
    outcome = draft.ledger.outcome
    if draft.flow.suspend and outcome is None:
        draft.set_flow(
            phase=FlowPhase.SUSPENDED, reason=Reason.SUSPENDED, message="spec.suspend is true"
        )
    elif next(draft.startable(), None) is None and _waits_for_people(draft):
        names = [draft.flow.graph.names[i] for i in sorted(draft.frontier.live)]
        draft.set_flow(
            phase=FlowPhase.PAUSED,
            reason=Reason.AWAITING_APPROVAL,
            message=f"waits for approval of {', '.join(names[:5])}",
        )
    elif draft.flow.policy.parallelism == 0:
        words = "executionPolicy.parallelism is 0: no new step starts"
        draft.set_flow(phase=FlowPhase.PAUSED, reason=Reason.PARALLELISM, message=words)
    elif outcome is not None:
        draft.set_flow(
            phase=FlowPhase.RUNNING, reason=Reason.EXIT_HANDLERS, message=_so_far(outcome)
        )
    elif draft.waits.first is not None and not (draft.frontier.live or draft.frontier.holding):
        waiting = draft.waits.first
        draft.set_flow(phase=FlowPhase.RUNNING, reason=waiting.reason, message=waiting.message)
    else:
        draft.set_flow(phase=FlowPhase.RUNNING, reason=Reason.STARTED, message="")


def _waits_for_people(draft: Draft) -> bool:
    """Whether nothing runs, and somebody is asked."""
    live = draft.frontier.live
    return bool(live) and all(draft.records[i].phase is StepPhase.PENDING_APPROVAL for i in live)


def look_after(draft: Draft) -> None:
    """A finished flow only waits for its TTL, and to be archived where it has to be."""
    finished = draft.ledger.finished
    if finished is None:
        return
    expires = finished + draft.flow.policy.ttl_seconds_after_finished
    if draft.now >= expires:
        if draft.seen.archived:
            draft.actions.append(DeleteFlow())
    elif draft.look_at_all or draft.now == finished:
        draft.frontier.set_timer(expires, -1)


def _conclude(draft: Draft, outcome: Outcome) -> None:
    if draft.frontier.handlers == 0:
        _end(draft, outcome)
        return
    draft.set_flow(outcome=outcome)
    draft.event(Reason.EXIT_HANDLERS, _so_far(outcome))


def _so_far(outcome: Outcome) -> str:
    why = f": {outcome.reason}: {outcome.message}" if outcome.message else ""
    return f"the steps ended {outcome.phase}{why}"


def _with_handlers(draft: Draft, outcome: Outcome) -> Outcome:
    """A failed exit handler makes a success a failure; a failure stays what it is."""
    if not draft.frontier.handler_failures:
        return outcome
    words = _words_of_failure(draft, "exit handler", draft.flow.handlers)
    if outcome.phase is FlowPhase.SUCCEEDED:
        return Outcome(FlowPhase.FAILED, Reason.ON_EXIT_FAILED, words)
    return replace(outcome, message=f"{outcome.message}; {words}")


def _end(draft: Draft, outcome: Outcome) -> None:
    draft.set_flow(
        phase=outcome.phase, reason=outcome.reason, message=outcome.message, finished=draft.now
    )
    words = outcome.message or f"all {len(draft.records)} steps are done"
    draft.event(f"Flow{outcome.phase}", words, warning=outcome.phase is FlowPhase.FAILED)
    look_after(draft)


def first_failure(draft: Draft) -> int | None:
    """The first failed step of this run; failFast ended others because of it."""
    since = draft.ledger.resume.at or 0.0
    steps = range(draft.flow.handlers.start)
    found = [failed for failed in _failed(draft, steps) if failed[1] >= since]
    return min(found)[2] if found else None


def _words_of_failure(draft: Draft, what: str, steps: range) -> str:
    failed = _failed(draft, steps)
    first = min(failed)[2]
    record = draft.records[first]
    own = sum(not others for others, _, _ in failed)
    more = f" (and {own - 1} more failed {what}s)" if own > 1 else ""
    name = draft.flow.graph.names[first]
    return f"{what} {name} failed: {record.reason}: {record.message}{more}"


def _failed(draft: Draft, steps: range) -> list[tuple[bool, float, int]]:
    """Failures that the flow does not tolerate: (through failFast, when, step)."""
    failed = ((i, draft.records[i]) for i in steps)
    return [
        (record.reason == Reason.FAIL_FAST, record.finished or 0.0, i)
        for i, record in failed
        if is_failure(draft.flow, i, record)
    ]
