"""`plan()`: from what is decided and what is seen to what is to be done. Pure.

Level-triggered: it asks what is, never what happened, so that an event which is lost, late or
doubled changes nothing. It may be called at any moment with the same answer, until an observation
or the clock gives it news.
"""

from __future__ import annotations

from jobflows.engine.attempts import take_in
from jobflows.engine.concurrency import Admission, admit
from jobflows.engine.draft import Draft
from jobflows.engine.flow import CompiledFlow
from jobflows.engine.ledger import FlowPhase, Instant, Ledger, Reason, StepPhase
from jobflows.engine.observations import AttemptState, Observations
from jobflows.engine.outcome import look_after, settle, stop_flow
from jobflows.engine.plan import CreateResources, Plan, StopAttempt
from jobflows.engine.starts import decide, start_ready


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
    draft = Draft(flow, ledger, seen, now)
    for stray in seen.strays:
        if stray.state is AttemptState.RUNNING:
            draft.actions.append(StopAttempt(stray))
    due = draft.frontier.take_due(now)
    if ledger.phase.terminal:
        _take_in_changes(draft, due)
        look_after(draft)
    elif _may_go_on(draft):
        _take_in_changes(draft, due)
        _advance(draft)
    return draft.seal()


def _may_go_on(draft: Draft) -> bool:
    """The gates before any step: concurrency, deadline, and the flow's own resources."""
    flow, now = draft.flow, draft.now
    started = draft.ledger.started
    decision = admit(flow, started is not None, draft.seen.peers)
    if decision.admission is Admission.STOP:
        _take_in_changes(draft, set())
        stop_flow(draft, Reason.REPLACED, decision.message)
        return False
    if decision.admission is Admission.WAIT:
        draft.set_flow(
            phase=FlowPhase.PENDING, reason=Reason.WAITING_FOR_FLOW, message=decision.message
        )
        return False
    if started is None and flow.suspend:
        draft.set_flow(
            phase=FlowPhase.SUSPENDED, reason=Reason.SUSPENDED, message="spec.suspend is true"
        )
        return False
    if draft.seen.resources_problem:
        stop_flow(draft, Reason.RESOURCE_CONFLICT, draft.seen.resources_problem)
        return False
    if started is None:
        started = now
        draft.set_flow(phase=FlowPhase.RUNNING, reason=Reason.STARTED, message="", started=now)
        draft.event("FlowStarted", f"{len(flow.steps)} steps")
    if flow.has_resources and not draft.seen.resources_ready:
        draft.actions.append(CreateResources())
        return False
    return not _past_deadline(draft, started)


def _past_deadline(draft: Draft, started: Instant) -> bool:
    limit = draft.flow.policy.active_deadline_seconds
    if limit is None:
        return False
    if draft.now < started + limit:
        if draft.look_at_all or draft.now == started:
            draft.frontier.set_timer(started + limit, -1)
        return False
    _take_in_changes(draft, set())
    if draft.frontier.unfinished == 0:  # the last step finished before anyone looked at the clock
        settle(draft)
        return True
    stop_flow(draft, Reason.FLOW_DEADLINE, f"the flow ran longer than {limit} s")
    return True


def _take_in_changes(draft: Draft, due: set[int]) -> None:
    if draft.look_at_all:
        steps = sorted(draft.seen.attempts.keys() | draft.frontier.live)
        if draft.ledger.phase.terminal:
            steps = sorted({*draft.seen.attempts, *draft.flow.steps_with_ttl})
    else:
        steps = sorted({*(draft.seen.changed or ()), *due} - {-1})
    for i in steps:
        if draft.records[i].phase is not StepPhase.PENDING_APPROVAL:
            take_in(draft, i)
    if draft.seen.approvals or due or draft.look_at_all:
        for i in sorted(draft.frontier.live):
            decide(draft, i)


def _advance(draft: Draft) -> None:
    for i in sorted(draft.frontier.doomed):
        draft.finish(i, StepPhase.SKIPPED, Reason.DEPENDENCY_FAILED, _broken_parent(draft, i))
    if draft.ledger.reason == Reason.BACKOFF_LIMIT:
        stop_flow(draft, Reason.BACKOFF_LIMIT, draft.ledger.message)
        return
    start_ready(draft)
    settle(draft)


def _broken_parent(draft: Draft, step: int) -> str:
    names = (
        draft.flow.graph.names[p]
        for p in draft.flow.graph.parents[step]
        if draft.records[p].phase in (StepPhase.FAILED, StepPhase.SKIPPED)
    )
    return f"step {next(names, '?')} did not succeed"
