"""`plan()`: from what is decided and what is seen to what is to be done. Pure.

Level-triggered: it asks what is, never what happened, so that an event which is lost, late or
doubled changes nothing. It may be called at any moment with the same answer, until an observation
or the clock gives it news. A request to resume is judged last, when all that is seen is taken in.
"""

from __future__ import annotations

from dataclasses import replace

from jobflows.engine.arrays import settle_arrays, stop_former, take_in_array
from jobflows.engine.attempts import take_in
from jobflows.engine.batches import start_batches
from jobflows.engine.concurrency import Admission, admit
from jobflows.engine.draft import Draft
from jobflows.engine.failfast import fail_fast
from jobflows.engine.flow import CompiledFlow
from jobflows.engine.frontier import blocks_dependents
from jobflows.engine.ledger import FlowPhase, Instant, Ledger, Reason, StepPhase
from jobflows.engine.observations import Hold, Observations
from jobflows.engine.outcome import close, conclude, look_after, settle, stop_flow
from jobflows.engine.plan import CreateResources, Plan
from jobflows.engine.resume import is_settled, resume
from jobflows.engine.standstill import stand_still
from jobflows.engine.starts import decide, start_ready
from jobflows.engine.stopping import reason_to_stop, stop_asked


def plan(flow: CompiledFlow, ledger: Ledger, seen: Observations, now: Instant) -> Plan:
    """Decide what follows for one flow.

    Args:
        flow: the compiled spec.
        ledger: what was decided before; an empty `Ledger()` for a flow never seen.
        seen: attempts, approvals and peers as they are now.
        now: the time.

    Returns:
        The new ledger, actions that are safe to repeat, events, and the next moment to ask again.
    """
    answer = _plan(flow, ledger, seen, now)
    known = answer.ledger.resume
    if seen.hold is not None:
        return answer  # a resume is judged by the mended spec
    if not seen.resume or is_settled(seen.resume, taken=known.id, refused=known.refused):
        return answer
    judged = resume(flow, answer.ledger, seen, now)
    events = (*answer.events, *judged.events)
    if not judged.accepted:
        return replace(answer, ledger=judged.ledger, events=events)
    again = _plan(flow, judged.ledger, seen, now)
    return replace(again, events=(*events, *again.events))


def _plan(flow: CompiledFlow, ledger: Ledger, seen: Observations, now: Instant) -> Plan:
    draft = Draft(flow, ledger, seen, now)
    for stray in seen.strays:
        draft.stop_attempt(stray)
    due = draft.frontier.take_due(now)
    if ledger.phase.terminal:
        _take_in_changes(draft, due)
        look_after(draft)
    elif seen.hold is not None:
        if seen.hold is Hold.STARTS and ledger.started is not None:
            _take_in_changes(draft, due)
        stand_still(draft)
    elif _has_begun(draft):
        _take_in_changes(draft, due)
        _advance(draft)
    return draft.seal()


def _has_begun(draft: Draft) -> bool:
    """The gates before the first step: a person, other flows of the group, and `suspend`.

    A flow with attempts of this run has passed them already, whatever became of the status that
    said so. What still runs of the run before has no place in a flow that waits.
    """
    if draft.ledger.started is not None:
        return True
    begun = _first_attempt(draft)
    if begun is None:
        asked = stop_asked(draft)
        if asked is not None:
            stop_flow(draft, *asked)
            return False
        decision = admit(draft.flow, draft.ledger, draft.seen.peers)
        if decision.admission is Admission.STOP:
            stop_flow(draft, Reason.REPLACED, decision.message)
            return False
        if decision.admission is Admission.WAIT:
            draft.set_flow(
                phase=FlowPhase.PENDING, reason=Reason.WAITING_FOR_FLOW, message=decision.message
            )
            _stop_former(draft)
            return False
        if draft.flow.suspend:
            draft.set_flow(
                phase=FlowPhase.SUSPENDED, reason=Reason.SUSPENDED, message="spec.suspend is true"
            )
            _stop_former(draft)
            return False
        begun = draft.now
    draft.set_flow(phase=FlowPhase.RUNNING, reason=Reason.STARTED, message="", started=begun)
    draft.event("FlowStarted", f"{len(draft.flow.steps)} steps")
    return True


def _stop_former(draft: Draft) -> None:
    for i in sorted(draft.seen.attempts):
        draft.stop_attempts(i)


def _first_attempt(draft: Draft) -> Instant | None:
    """When the oldest attempt of this run was made; None without any."""
    resumed = draft.ledger.resume.at or 0.0
    made = [
        max(resumed, min(draft.now, draft.now if attempt.created is None else attempt.created))
        for i, attempts in draft.seen.attempts.items()
        for attempt in attempts
        if attempt.was_created and attempt.number > draft.records[i].attempt
    ]
    return min(made, default=None)


def _take_in_changes(draft: Draft, due: set[int]) -> None:
    if draft.look_at_all:
        steps = sorted(draft.seen.attempts.keys() | draft.frontier.live)
    else:
        steps = sorted({*(draft.seen.changed or ()), *due} - {-1})
    for i in steps:
        record = draft.records[i]
        if draft.flow.steps[i].is_array and not record.phase.terminal:
            if record.is_open:
                take_in_array(draft, i)
            else:  # its batches are taken in when it is opened
                stop_former(draft, i)
        elif record.phase is not StepPhase.PENDING_APPROVAL:
            take_in(draft, i)
    if draft.seen.approvals or due or draft.look_at_all:
        for i in sorted(draft.frontier.live):
            decide(draft, i)


def _advance(draft: Draft) -> None:
    """What follows from the facts: the end of the flow, or new steps.

    A step that ends before it starts may bring an end or new steps itself, so this is repeated
    until nothing new ends. Exit handlers come after all that.
    """
    while True:
        _skip_doomed(draft)
        settle_arrays(draft)
        if draft.ledger.outcome is None:
            _end_steps(draft)
        if draft.ledger.outcome is not None:
            close(draft, draft.ledger.outcome)
        if draft.ledger.phase.terminal:
            return
        if draft.flow.has_resources and not draft.seen.resources_ready:
            draft.actions.append(CreateResources())
            break
        if start_ready(draft):
            start_batches(draft)
            break
    settle(draft)


def _end_steps(draft: Draft) -> None:
    """End the steps if they are done, or must not go on."""
    if draft.ledger.reason == Reason.BACKOFF_LIMIT:
        stop_flow(draft, Reason.BACKOFF_LIMIT, draft.ledger.message)
        return
    if draft.frontier.unfinished:  # otherwise it was done before anyone had to stop it
        end = reason_to_stop(draft)
        if end is not None:
            stop_flow(draft, *end)
            return
        fail_fast(draft)
    if draft.frontier.unfinished == 0:
        conclude(draft)


def _skip_doomed(draft: Draft) -> None:
    for i in sorted(draft.frontier.doomed):
        if i in draft.frontier.doomed:  # skipping one may have skipped others below it
            draft.finish(i, StepPhase.SKIPPED, Reason.DEPENDENCY_FAILED, _broken_parent(draft, i))


def _broken_parent(draft: Draft, step: int) -> str:
    names = (
        draft.flow.graph.names[p]
        for p in draft.flow.graph.parents[step]
        if blocks_dependents(draft.flow, p, draft.records[p])
    )
    return f"step {next(names, '?')} did not succeed"
