"""Which flows wait, for what and for how long: read off the flows when Prometheus asks.

A flow that gets nowhere is Running like one that is busy. What tells it apart is that no pod of it
runs, and how long ago it made a transition. What it waits for is a person, a limit, another flow,
pods that do not start, or nothing that anybody knows of, which is what alerts are for. One time
stands for a namespace and a reason, that of the flow that waits longest, however many flows wait.

Rule: a scrape runs in a thread, beside the event loop. Containers that change are copied before
they are looked through; ledgers, records and frontiers do not change once they are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jobflows.controller.flowstate import FlowState
from jobflows.controller.measure import Census, Counted
from jobflows.engine import CompiledFlow, FlowPhase, Instant, Ledger, Reason, StepPhase, Waits

PODS = "Pods"
"""Its Jobs are there, and none of their pods runs: no node has room, no image, a queue of Kueue."""
REFUSED = "Refused"
"""The API server does not take its Jobs, for want of quota or by a policy."""
INVALID = "Invalid"
"""It was edited into something that the validator rejects."""
APPROVAL = "Approval"
"""A person."""
UNKNOWN = "Unknown"
"""Nothing explains it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`queued` are steps by namespace; times are seconds, of the one that waits longest.

    `waits` is by namespace and reason, `unanswered` is for approvals, by namespace.
    """

    queued: dict[str, int] = field(default_factory=dict)
    waits: dict[tuple[str, str], float] = field(default_factory=dict)
    unanswered: dict[str, float] = field(default_factory=dict)


def look(flows: Mapping[str, FlowState], census: Census, now: Instant) -> Standing:
    """How things stand with all flows that are not finished."""
    found = Standing()
    for uid, counted in census.unfinished():
        namespace, state = counted.namespace, flows.get(uid)
        found.queued.setdefault(namespace, 0)
        if state is None:
            continue
        found.queued[namespace] += _queued(state, now)
        reason = _reason(state, counted)
        if reason and now > counted.moved:
            key = namespace, reason
            found.waits[key] = max(found.waits.get(key, 0.0), now - counted.moved)
        asked = _asked(state.ledger) if counted.steps[StepPhase.PENDING_APPROVAL] else None
        if asked is not None:
            longest = found.unanswered.get(namespace, 0.0)
            found.unanswered[namespace] = max(longest, now - asked)
    return found


def _reason(state: FlowState, counted: Counted) -> str:
    """What a flow of which nothing runs waits for; empty if something does, or nobody wants it."""
    if counted.phase not in (FlowPhase.PENDING, FlowPhase.RUNNING) or state.sightings.runs:
        return ""
    limit = state.waits.first
    if state.record is not None and state.invalid_generation == state.record.metadata.generation:
        return INVALID
    if state.sightings.room:
        return PODS
    if state.holds.refused:
        return REFUSED
    if limit is not None:
        return str(limit.reason)
    if state.ledger is not None and state.ledger.reason == Reason.WAITING_FOR_FLOW:
        return str(Reason.WAITING_FOR_FLOW)
    return APPROVAL if counted.steps[StepPhase.PENDING_APPROVAL] else UNKNOWN


def _queued(state: FlowState, now: Instant) -> int:
    """Steps that nothing but the operator's own pace keeps from being started."""
    flow, ledger = state.flow, state.ledger
    if flow is None or ledger is None or ledger.phase is not FlowPhase.RUNNING:
        return 0
    frontier = ledger.frontier
    ready = _ready(flow, ledger)
    if frontier is None or not ready:
        return 0
    asked = sum(step in frontier.ready for step in list(frontier.asked))
    free = ready - asked - _limited(state.waits)
    if free > 0:
        free -= sum(
            at > now and step >= 0 and step in frontier.ready for at, step in frontier.armed
        )
    return asked + max(0, free)


def _ready(flow: CompiledFlow, ledger: Ledger) -> int:
    if ledger.frontier is None:
        return 0
    ready = ledger.frontier.ready
    handlers = sum(step in ready for step in flow.handlers)
    return handlers if ledger.outcome is not None else len(ready) - handlers


def _limited(waits: Waits) -> int:
    """Ready steps that wait because somebody set a limit."""
    return len(waits.steps) + sum(queue.length for queue in waits.queues.values()) + waits.others


def _asked(ledger: Ledger | None) -> Instant | None:
    """When the oldest question to a person was asked."""
    records = ledger.steps if ledger is not None else ()
    return min(
        (r.started for r in records if r.phase is StepPhase.PENDING_APPROVAL and r.started),
        default=None,
    )
