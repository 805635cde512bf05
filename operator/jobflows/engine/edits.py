"""A ledger meets another graph: a spec that was edited, or a status read back after a restart.

Records belong to steps by name. What is final stays final, what runs goes on as it was started,
what has not started follows the new spec. Nothing is rolled back and nothing runs twice. A finished
step that is edited is marked, for the day the flow is resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jobflows.engine.flow import CompiledFlow
from jobflows.engine.ledger import FRESH, Ledger, Reason, StepPhase, StepRecord
from jobflows.engine.plan import Event

APPLIED = "SpecChangeApplied"
IGNORED = "SpecChangeIgnored"

FINISHED_ALREADY = Event(
    IGNORED, "the flow is finished; edits take effect in the steps that a resume runs", warning=True
)

TOO_LATE = StepRecord(
    phase=StepPhase.SKIPPED, reason=Reason.FLOW_FINISHED, message="added after the flow had ended"
)


def rebase(flow: CompiledFlow, ledger: Ledger, records: Mapping[str, StepRecord]) -> Ledger:
    """Lay `records`, by step name, over the steps of `flow`.

    A step that was added to a finished flow will not run, and says so; so will one that is added
    while exit handlers run, unless it is one of them.
    """
    ended = bool(ledger.phase.terminal and records)
    steps = []
    for step in flow.steps:
        over = ledger.outcome is not None and not step.on_exit
        record = records.get(step.name, TOO_LATE if ended or over else FRESH)
        steps.append(TOO_LATE if over and not record.phase.terminal else record)
    return replace(ledger, steps=tuple(steps), frontier=None)


def edit(old: CompiledFlow, new: CompiledFlow, ledger: Ledger) -> tuple[Ledger, tuple[Event, ...]]:
    """Carry the ledger of `old` over to `new`, and say what of the edit applies and what cannot."""
    records = _by_name(old, ledger)
    for name, record in records.items():
        if record.phase.terminal and _is_outdated(name, old, new):
            records[name] = replace(record, outdated=True)
    rebased = rebase(new, ledger, records)
    if ledger.phase.terminal:
        return rebased, (FINISHED_ALREADY,)
    events: list[Event] = []
    for name, record in records.items():
        event = _judge_step(name, record, old, new)
        if event is not None:
            events.append(event)
    added = [name for name in new.graph.names if name not in old.graph.index]
    if added:
        events.append(Event(APPLIED, f"new steps: {_names(added)}"))
    if old.suspend != new.suspend:
        words = "suspended: no new step starts" if new.suspend else "resumed: steps start again"
        events.append(Event(APPLIED, words))
    changed = [name for name, t in new.templates.items() if old.templates.get(name, t) != t]
    if changed:
        words = f"changed templates: {_names(changed)}; attempts that start from now on follow them"
        events.append(Event(APPLIED, words))
    if old.policy != new.policy:
        events.append(Event(APPLIED, "executionPolicy changed"))
    return rebased, tuple(events)


def _is_changed(name: str, old: CompiledFlow, new: CompiledFlow) -> bool:
    before, after = old.steps[old.graph.index[name]], new.steps[new.graph.index[name]]
    return before.spec != after.spec


def _is_outdated(name: str, old: CompiledFlow, new: CompiledFlow) -> bool:
    """Whether a step would run something else now: its own text, or the template it shares."""
    if name not in new.graph.index:
        return False
    before, after = old.steps[old.graph.index[name]], new.steps[new.graph.index[name]]
    return before.spec != after.spec or before.template != after.template


def _judge_step(
    name: str, record: StepRecord, old: CompiledFlow, new: CompiledFlow
) -> Event | None:
    if name not in new.graph.index:
        if record.phase.terminal:
            return Event(APPLIED, "removed; its record goes with it", name)
        if record.phase is StepPhase.PENDING:
            when = "before its next attempt" if record.attempt else "before it started"
            return Event(APPLIED, f"removed {when}", name)
        return Event(APPLIED, "removed; what runs of it is stopped", name, warning=True)
    if not _is_changed(name, old, new):
        return None
    if record.phase.terminal:
        words = f"is {record.phase} already; the change has no effect on this run"
        return Event(IGNORED, words, name, warning=True)
    if record.phase is StepPhase.PENDING:
        when = "before its next attempt" if record.attempt else "before it started"
        return Event(APPLIED, f"changed {when}", name)
    return Event(
        APPLIED, "runs as it was started; the change takes effect at its next attempt", name
    )


def _by_name(flow: CompiledFlow, ledger: Ledger) -> dict[str, StepRecord]:
    if not ledger.steps:
        return {}
    return dict(zip(flow.graph.names, ledger.steps, strict=True))


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"
