"""Why a flow ends before its steps are done, and what that means for them.

The order of the reasons is the policy: what a person asks for comes first, then another flow, the
flow's own limits last. Each is asked for again by every plan, so it may appear at any moment.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobflows.engine.concurrency import Admission, admit
from jobflows.engine.draft import Draft
from jobflows.engine.ledger import Reason, StepPhase
from jobflows.engine.observations import StopMode, StopRequest

STOP_ANNOTATION = "workflow.kube-zen.io/stop"
"""Annotation of a flow: `stop` or `terminate` (`StopMode`)."""

STOP_WORDS = " or ".join(StopMode)

_REASONS = {StopMode.STOP: Reason.STOPPED, StopMode.TERMINATE: Reason.TERMINATED}


def read_stop(value: str) -> StopRequest | None:
    """What the annotation asks for; None for a word that it does not know."""
    if not value:
        return None
    try:
        mode = StopMode(value.strip().lower())
    except ValueError:
        return None
    return StopRequest(mode, f"asked for by the annotation {STOP_ANNOTATION}: {mode}")


def stop_asked(draft: Draft) -> tuple[Reason, str] | None:
    """The end that a person asks for."""
    request = draft.seen.stop
    return (_REASONS[request.mode], request.words) if request is not None else None


def reason_to_stop(draft: Draft) -> tuple[Reason, str] | None:
    """Why the flow must end before its steps are done, in one word and in one sentence."""
    asked = stop_asked(draft)
    if asked is not None:
        return asked
    decision = admit(draft.flow, draft.ledger, draft.seen.peers)
    if decision.admission is Admission.STOP:
        return Reason.REPLACED, decision.message
    if draft.seen.resources_problem:
        return Reason.RESOURCE_CONFLICT, draft.seen.resources_problem
    limit = draft.flow.policy.active_deadline_seconds
    started = draft.ledger.started
    if limit is None or started is None:
        return None
    if draft.now >= started + limit:
        return Reason.FLOW_DEADLINE, f"the flow ran longer than {limit} s"
    if draft.look_at_all:
        draft.frontier.set_timer(started + limit, -1)
    return None


def stop_steps(draft: Draft, steps: Iterable[int], reason: str, message: str) -> None:
    """Steps that ever ran fail and are stopped, the others are skipped."""
    for i in steps:
        record = draft.records[i]
        if not record.phase.terminal:
            draft.stop_attempts(i)  # also one that was created a moment ago and is not on record
            untouched = record.phase is StepPhase.PENDING and record.started is None
            phase = StepPhase.SKIPPED if untouched else StepPhase.FAILED
            made = [attempt.number for attempt in draft.attempts(i) if attempt.was_created]
            used = max(record.attempt, *made, 0)  # whose name no later run may have again
            draft.close(i, phase, reason, message, attempt=used)
