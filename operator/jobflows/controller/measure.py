"""From one ledger to the next: what the metrics count.

The engine knows nothing of metrics; what it decided is read off the difference of two ledgers. The
census remembers what it has counted of each flow, so that a gauge goes down by exactly what it
went up when the flow is gone, however the operator was restarted in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat

from jobflows.controller.metrics import Metrics
from jobflows.engine import (
    FRESH,
    Cause,
    CompiledFlow,
    FlowPhase,
    Instant,
    Ledger,
    Reason,
    StepPhase,
    StepRecord,
)

_REASONS = frozenset(map(str, Reason))


@dataclass(slots=True)
class Counted:
    """One flow as it is counted. `moved` is its last transition, or when its next retry is due."""

    namespace: str
    phase: FlowPhase
    steps: Counter[str]
    moved: Instant


class Census:
    """Counts flows and steps by phase, and their transitions."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counted: dict[str, Counted] = {}

    def unfinished(self) -> list[tuple[str, Counted]]:
        """The flows that are not over, by UID; other threads may ask."""
        return [(uid, one) for uid, one in list(self._counted.items()) if not one.phase.terminal]

    def meet(
        self,
        uid: str,
        namespace: str,
        phase: FlowPhase,
        steps: Iterable[str],
        *,
        moved: Instant,
        new: bool,
    ) -> None:
        """Count a flow that was not counted before; `new` when nobody ever wrote its status."""
        if uid in self._counted:
            return
        counted = self._counted[uid] = Counted(namespace, phase, Counter(steps), moved)
        before = "" if new else None
        self._metrics.flow_phase(namespace, before, phase)
        for step_phase, count in counted.steps.items():
            self._metrics.step_phase(namespace, before, step_phase, count)
        self._metrics.approval_pending(namespace, counted.steps[StepPhase.PENDING_APPROVAL])

    def recount(self, uid: str, steps: Iterable[str]) -> None:
        """The spec was edited: steps came and went, which is no transition of theirs."""
        counted = self._counted[uid]
        before, counted.steps = counted.steps, Counter(steps)
        for phase in sorted({*before, *counted.steps}):
            more = counted.steps[phase] - before[phase]
            self._metrics.step_phase(counted.namespace, None, phase, more)
            self._metrics.step_phase(counted.namespace, phase, None, -more)
        waiting = StepPhase.PENDING_APPROVAL
        more = counted.steps[waiting] - before[waiting]
        self._metrics.approval_pending(counted.namespace, more)

    def leave(self, uid: str) -> None:
        """A flow is gone."""
        counted = self._counted.pop(uid, None)
        if counted is None:
            return
        self._metrics.flow_phase(counted.namespace, counted.phase, None)
        for phase, count in counted.steps.items():
            self._metrics.step_phase(counted.namespace, phase, None, count)
        waiting = counted.steps[StepPhase.PENDING_APPROVAL]
        self._metrics.approval_pending(counted.namespace, -waiting)

    def close(self) -> None:
        """Somebody else counts from now on."""
        for uid in list(self._counted):
            self.leave(uid)

    def move(self, flow: CompiledFlow, before: Ledger, after: Ledger, now: Instant) -> None:
        """Count the transitions between two ledgers of a flow that was met."""
        counted = self._counted[flow.uid]
        if after.phase != counted.phase:
            self._metrics.flow_phase(flow.namespace, counted.phase, after.phase)
            counted.phase = after.phase
            counted.moved = max(counted.moved, now)
            if after.reason == Reason.FLOW_DEADLINE and after.phase.terminal:
                self._metrics.timeout(flow.namespace, "jobflow_timeout")
        if after.steps is before.steps:
            return
        for old, new in zip(before.steps or repeat(FRESH), after.steps, strict=False):
            if new is not old:
                self._step_moved(counted, old, new, now)

    def reject(self, uid: str, namespace: str) -> None:
        """A flow failed before it started."""
        counted = self._counted.get(uid)
        if counted is not None and counted.phase != FlowPhase.FAILED:
            self._metrics.flow_phase(namespace, counted.phase, FlowPhase.FAILED)
            counted.phase = FlowPhase.FAILED

    def _step_moved(self, counted: Counted, old: StepRecord, new: StepRecord, now: Instant) -> None:
        metrics, namespace = self._metrics, counted.namespace
        if _progress(new) != _progress(old):
            counted.moved = max(counted.moved, now, new.retry_at or now)
        self._failed(namespace, old, new)
        if new.phase != old.phase:
            metrics.step_phase(namespace, old.phase, new.phase)
            counted.steps[old.phase] -= 1
            counted.steps[new.phase] += 1
        if new.spent != old.spent and new.failures:
            wait = max(0.0, (new.retry_at or now) - now)
            metrics.step_retried(namespace, wait, new.failures[-1].cause)
        if old.phase != new.phase:
            self._approval_moved(namespace, old, new, now)
        if new.phase.terminal and not old.phase.terminal:
            self._step_ended(namespace, new, now)

    def _approval_moved(
        self, namespace: str, old: StepRecord, new: StepRecord, now: Instant
    ) -> None:
        if new.phase is StepPhase.PENDING_APPROVAL:
            self._metrics.approval_pending(namespace, 1)
        elif old.phase is StepPhase.PENDING_APPROVAL:
            self._metrics.approval_pending(namespace, -1)
            self._metrics.approval_answered(namespace, now - (old.started or now))

    def _step_ended(self, namespace: str, record: StepRecord, now: Instant) -> None:
        if record.map is not None and record.map.measured is not None:
            self._metrics.map_finished(namespace, record.map.measured)
        timed_out = record.reason == Reason.TIMEOUT
        if record.attempt and record.started is not None:
            seconds = now - record.started
            if timed_out:
                self._metrics.step_finished(namespace, seconds, "timeout")
            elif record.phase is StepPhase.SUCCEEDED:
                self._metrics.step_finished(namespace, seconds, "success")
            else:
                self._metrics.step_finished(namespace, seconds, "failure")

    def _failed(self, namespace: str, old: StepRecord, new: StepRecord) -> None:
        """Count failed attempts by their cause, and a step that failed without one by its reason.

        A pod may say anything of why it failed, and each word would be a series for ever.
        """
        known = {failed.number for failed in old.failures}
        kinds: list[str] = [failed.cause for failed in new.failures if failed.number not in known]
        if not kinds and new.phase is StepPhase.FAILED and old.phase is not new.phase:
            kinds = [new.reason if new.reason in _REASONS else "Other"]
        for kind in kinds:
            self._metrics.step_error(namespace, str(kind))
            if kind in (Cause.TIMEOUT, Reason.TIMEOUT):
                self._metrics.timeout(namespace, "step_timeout")


def last_moved(ledger: Ledger, now: Instant) -> Instant:
    """When a flow made its last transition, as far as its status tells; else now."""
    moments = [ledger.started]
    for record in ledger.steps:
        moments += (record.started, record.finished, record.retry_at)
    return max((moment for moment in moments if moment is not None), default=now)


def _progress(record: StepRecord) -> tuple[object, ...]:
    """What changes when a step gets on; its message may change while nothing happens."""
    return record.phase, record.attempt, record.spent, id(record.tasks)
