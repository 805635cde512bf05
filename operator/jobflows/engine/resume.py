"""Another run of a flow that ended, or of what failed in one that still runs.

A request is judged once: taken in, and its id remembered, or refused, and its text remembered. So
an annotation acts once, whatever is lost or doubled. What keeps its result keeps its record; what
runs again gets a fresh one, but for its attempt number, because no Job's name is ever used twice,
and for what it has learnt: the resources that it has come to, and why attempts failed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobflows.api.resume import ResumeError, ResumeRequest, read_request
from jobflows.engine import array_resume
from jobflows.engine.edits import IGNORED
from jobflows.engine.flow import CompiledFlow
from jobflows.engine.indexes import IndexSet
from jobflows.engine.ledger import (
    FRESH,
    FlowPhase,
    Instant,
    Ledger,
    Reason,
    Resume,
    StepPhase,
    StepRecord,
)
from jobflows.engine.observations import Attempt, AttemptState, Observations
from jobflows.engine.plan import Event
from jobflows.engine.rerun import Rerun, choose, listed
from jobflows.engine.tasks import Tasks

STARTED = "ResumeStarted"
REFUSED = "ResumeRefused"

_STOPPED = (
    "the flow is asked to stop; take the annotation workflow.kube-zen.io/stop off, and ask again "
    "with another id"
)
_ADOPTABLE = (AttemptState.STARTING, AttemptState.RUNNING, AttemptState.SUCCEEDED)


@dataclass(frozen=True, slots=True)
class Resumption:
    """The answer to a request: the ledger that remembers it, and what to tell people."""

    ledger: Ledger
    events: tuple[Event, ...]
    accepted: bool


def is_settled(text: str, *, taken: str, refused: str) -> bool:
    """Whether a request was judged before; `taken` and `refused` are what the ledger remembers."""
    if refused and _digest(text) == refused:
        return True
    try:
        return bool(taken) and read_request(text).id == taken
    except ResumeError:
        return False


def resume(
    flow: CompiledFlow,
    ledger: Ledger,
    seen: Observations,
    now: Instant,
) -> Resumption:
    """Judge the request `seen.resume` on a ledger that has taken in all else that is seen."""
    text = seen.resume
    try:
        if seen.stop is not None:
            raise ResumeError(_STOPPED)
        request = read_request(text)
        rerun = choose(flow, ledger, request)
    except ResumeError as error:
        known = replace(ledger.resume, refused=_digest(text), refusal=str(error))
        event = Event(REFUSED, str(error), warning=True)
        return Resumption(replace(ledger, resume=known), (event,), accepted=False)
    records = list(ledger.steps)
    cold = request.mode == "cold"
    for i in rerun.again:
        step, attempts = flow.steps[i], seen.attempts.get(i, ())
        if step.is_array:
            repeated, may_fail = i in rerun.repeated, step.spec.continue_on_failure
            records[i] = array_resume.again(
                records[i], attempts, cold=cold, repeated=repeated, may_fail=may_fail
            )
        else:
            records[i] = _again(records[i], attempts, request, now)
    arrays = [i for i in flow.graph.order if i in rerun.again and flow.steps[i].is_array]
    for i in arrays if not cold else ():
        records[i] = array_resume.go_on(flow, i, records, seen.attempts.get(i, ()), now)
    if ledger.phase.terminal:
        for i in flow.handlers:
            records[i] = _used_up(records[i], seen.attempts.get(i, ()))
    for i in rerun.marked:
        records[i] = _marked(records[i], request, now)
    run = ledger.resume.run + 1
    begun = ledger.started is not None and not ledger.phase.terminal
    begun |= any(records[i].phase is StepPhase.RUNNING for i in rerun.again)
    resumed = replace(
        ledger,
        phase=FlowPhase.PENDING if ledger.phase.terminal else ledger.phase,
        reason="",
        message="",
        started=now if begun else None,
        finished=None,
        outcome=None,
        steps=tuple(records),
        frontier=None,
        resume=Resume(id=request.id, at=now, run=run),
    )
    return Resumption(resumed, tuple(_told(flow, resumed, rerun)), accepted=True)


def _again(
    record: StepRecord, attempts: Sequence[Attempt], request: ResumeRequest, now: Instant
) -> StepRecord:
    """A fresh record, or that of an attempt which goes on.

    An attempt that the ledger has never heard of is left to be adopted, unless it is on its way
    out: then its number is used up.
    """
    fresh = _fresh(record, record.attempt)
    newest = attempts[-1] if attempts else None
    if newest is None or not newest.was_created:
        return fresh
    if newest.number > record.attempt:
        left = newest.state in _ADOPTABLE and (
            request.mode == "hot" or newest.state is AttemptState.SUCCEEDED
        )
        return fresh if left else replace(fresh, attempt=newest.number)
    if request.mode == "hot" and newest.state is AttemptState.RUNNING:
        since = newest.created or now
        return replace(
            fresh, phase=StepPhase.RUNNING, started=now, attempt_started=since, job=newest.ref
        )
    return fresh


def _used_up(record: StepRecord, attempts: Sequence[Attempt]) -> StepRecord:
    """A fresh record above all attempts: none of them belongs to the new run."""
    used = max((a.number for a in attempts if a.was_created), default=0)
    return _fresh(record, max(used, record.attempt))


def _fresh(record: StepRecord, attempt: int) -> StepRecord:
    if not attempt:
        return FRESH
    return replace(FRESH, attempt=attempt, resources=record.resources, failures=record.failures)


def _marked(record: StepRecord, request: ResumeRequest, now: Instant) -> StepRecord:
    tasks = record.tasks
    if tasks is not None:
        tasks = Tasks(total=tasks.total, succeeded=IndexSet.span(0, tasks.total))
    return replace(
        record,
        tasks=tasks,
        phase=StepPhase.SUCCEEDED,
        reason=Reason.MARKED,
        message=f"set to Succeeded by resume {request.id}",
        finished=now,
        retry_at=None,
        outdated=False,
    )


def _told(flow: CompiledFlow, ledger: Ledger, rerun: Rerun) -> list[Event]:
    names = flow.graph.names
    again = listed(names[i] for i in sorted(rerun.again))
    kept = sum(r.phase is StepPhase.SUCCEEDED for r in ledger.steps[: flow.handlers.start])
    words = f"run {ledger.resume.run}: {again or 'no step'} to run again, {kept} succeeded before"
    events = [Event(STARTED, words)]
    old = [names[i] for i, record in enumerate(ledger.steps) if record.outdated]
    if old:
        words = f"{listed(old)}: changed since, and kept as it was; from runs it again"
        events.append(Event(IGNORED, words, warning=True))
    return events


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
