"""Another run of a flow that ended, or of what failed in one that still runs.

A request is judged once: taken in, and its id remembered, or refused, and its text remembered. So
an annotation acts once, whatever is lost or doubled. What keeps its result keeps its record; what
runs again gets a fresh one, but for its attempt number: no Job's name is ever used twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jobflows.api.resume import ResumeError, ResumeRequest, read_request
from jobflows.engine.edits import IGNORED
from jobflows.engine.flow import CompiledFlow
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
from jobflows.engine.observations import Attempt, AttemptState
from jobflows.engine.plan import Event
from jobflows.engine.rerun import Rerun, choose, listed

STARTED = "ResumeStarted"
REFUSED = "ResumeRefused"

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
    text: str,
    attempts: Mapping[int, Sequence[Attempt]],
    now: Instant,
) -> Resumption:
    """Judge the request `text` on a ledger that has taken in all that is seen."""
    try:
        request = read_request(text)
        rerun = choose(flow, ledger, request)
    except ResumeError as error:
        known = replace(ledger.resume, refused=_digest(text), refusal=str(error))
        event = Event(REFUSED, str(error), warning=True)
        return Resumption(replace(ledger, resume=known), (event,), accepted=False)
    records = list(ledger.steps)
    for i in rerun.again:
        records[i] = _again(records[i], attempts.get(i, ()), request, now)
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
    fresh = replace(FRESH, attempt=record.attempt)
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


def _marked(record: StepRecord, request: ResumeRequest, now: Instant) -> StepRecord:
    return replace(
        record,
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
    kept = sum(r.phase is StepPhase.SUCCEEDED for r in ledger.steps)
    words = f"run {ledger.resume.run}: {again or 'no step'} to run again, {kept} succeeded before"
    events = [Event(STARTED, words)]
    old = [names[i] for i, record in enumerate(ledger.steps) if record.outdated]
    if old:
        words = f"{listed(old)}: changed since, and kept as it was; from runs it again"
        events.append(Event(IGNORED, words, warning=True))
    return events


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
