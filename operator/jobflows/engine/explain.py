"""Why each step is where it is, for people who ask: `jobflow explain`, a web page.

Most waiting is never written down, because it follows from the graph, the spec and the ledger;
here it is derived again, in the order in which the planner asks. What only the operator sees, such
as a quota or a missing node, is in the ledger's messages or in `seen`, where the caller has looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobflows.engine.flow import CompiledFlow
from jobflows.engine.frontier import blocks_dependents
from jobflows.engine.ledger import Instant, Ledger, Reason, StepPhase, StepRecord
from jobflows.engine.observations import Attempt, AttemptState, Observations
from jobflows.engine.plan import Waits
from jobflows.engine.planner import plan
from jobflows.engine.task_waits import TaskWait, task_waits
from jobflows.engine.times import rfc3339

MOST_NAMES = 3
"""Steps that a message names; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Where one step is and why. An empty reason: it runs, and nothing is in its way.

    `blocked_by` are the steps that it waits for, or whose failure it was skipped for. `until` is
    when time alone will move it. Of an array that runs, `tasks` says why those wait that have not
    begun.
    """

    step: str
    phase: StepPhase
    reason: str = ""
    message: str = ""
    blocked_by: tuple[str, ...] = ()
    until: Instant | None = None
    tasks: tuple[TaskWait, ...] = ()


def explain(
    flow: CompiledFlow, ledger: Ledger, now: Instant, seen: Observations | None = None
) -> tuple[Explanation, ...]:
    """Say of every step, in the order of the spec, why it is where it is.

    `seen` adds what the caller sees of attempts and resources; without it the ledger is believed.
    """
    records = ledger.steps or [StepRecord()] * len(flow.steps)
    waits = plan(flow, ledger, replace(seen, changed=None), now).waits if seen else Waits()
    case = _Case(flow, ledger, records, now, seen or Observations(), waits)
    return tuple(case.explain(i) for i in range(len(records)))


@dataclass(frozen=True, slots=True)
class _Case:
    """One look at one flow."""

    flow: CompiledFlow
    ledger: Ledger
    records: Sequence[StepRecord]
    now: Instant
    seen: Observations
    waits: Waits

    def explain(self, i: int) -> Explanation:
        record = self.records[i]
        match record.phase:
            case StepPhase.PENDING:
                return self._pending(i, record)
            case StepPhase.RUNNING:
                said = self._running(i, record)
                return replace(said, tasks=self._tasks(i)) if record.is_open else said
            case StepPhase.PENDING_APPROVAL:
                timeout = self.flow.steps[i].timeout
                until = record.started + timeout if timeout and record.started else None
                return self._as_written(i, until=until)
            case StepPhase.SKIPPED if record.reason == Reason.DEPENDENCY_FAILED:
                return self._as_written(i, blocked_by=self._broken(i))
            case _:
                return self._as_written(i)

    def _as_written(
        self, i: int, *, blocked_by: tuple[str, ...] = (), until: Instant | None = None
    ) -> Explanation:
        record = self.records[i]
        reason, message = record.reason, record.message
        return self._answer(i, reason, message, blocked_by=blocked_by, until=until)

    def _running(self, i: int, record: StepRecord) -> Explanation:
        newest = self._newest(i)
        if newest is None or newest.number < record.attempt:
            return self._as_written(i)
        if newest.state is AttemptState.STOPPING:
            return self._answer(i, Reason.STOPPING, newest.message)
        return self._answer(i, newest.reason, newest.message)

    def _tasks(self, i: int) -> tuple[TaskWait, ...]:
        shut = self._gate(i) or self._limit(i, None)
        waits = task_waits(
            self.flow,
            self.records,
            i,
            self.now,
            seen=self.seen.attempts.get(i, ()),
            shut=(shut.reason, shut.message) if shut else None,
        )
        return tuple(waits)

    def _pending(self, i: int, record: StepRecord) -> Explanation:
        """The gates before a start, outermost last: it is the nearest one that people ask for."""
        broken = self._broken(i)
        if broken:
            words = f"will be skipped: {_names(broken)} did not succeed"
            return self._answer(i, Reason.DEPENDENCY_FAILED, words, blocked_by=broken)
        waits_for = self._unfinished(i)
        if waits_for:
            shown = tuple(f"{name} ({self._phase(name)})" for name in waits_for[:MOST_NAMES])
            words = f"waits for {_names(waits_for, shown)}"
            return self._answer(i, Reason.WAITING_FOR_STEPS, words, blocked_by=waits_for)
        newest = self._newest(i)
        if newest is not None and newest.is_live and newest.number <= record.attempt:
            words = f"attempt {newest.number} is on its way out: {newest.message}".rstrip(": ")
            return self._answer(i, Reason.STOPPING, words)
        if record.retry_at is not None and record.retry_at > self.now:
            words = f"tried again at {rfc3339(round(record.retry_at))}; {record.message}"
            return self._answer(i, Reason.BACKING_OFF, words, until=record.retry_at)
        return self._gate(i) or self._limit(i, newest) or self._start(i, record, newest)

    def _gate(self, i: int) -> Explanation | None:
        """What holds back all steps of the flow that could start."""
        on_exit, closing = self.flow.steps[i].on_exit, self.ledger.outcome is not None
        if on_exit and not closing:
            words = "an exit handler, which runs when all other steps are done"
            return self._answer(i, Reason.WAITING_FOR_STEPS, words)
        if self.flow.suspend and not closing:
            return self._answer(i, Reason.SUSPENDED, "spec.suspend is true")
        if self.ledger.reason == Reason.WAITING_FOR_FLOW:
            return self._answer(i, Reason.WAITING_FOR_FLOW, self.ledger.message)
        if self.seen.resources_problem:
            return self._answer(i, Reason.RESOURCE_CONFLICT, self.seen.resources_problem)
        if self.flow.has_resources and not self.seen.resources_ready:
            words = "the volumes and ConfigMaps of spec.resourceTemplates are being created"
            return self._answer(i, Reason.WAITING_FOR_RESOURCES, words)
        return None

    def _limit(self, i: int, newest: Attempt | None) -> Explanation | None:
        """A limit that is reached; of those of the operator only its own words are known."""
        waiting = self.waits.of(self.flow, i)
        if newest is not None and newest.number > self.records[i].attempt:
            return None
        if waiting is not None:
            return self._answer(i, waiting.reason, waiting.message)
        if self.ledger.reason in (Reason.QUOTA, Reason.LOCK):
            return self._answer(i, self.ledger.reason, self.ledger.message)
        return None

    def _start(self, i: int, record: StepRecord, newest: Attempt | None) -> Explanation:
        if newest is not None and newest.number > record.attempt:
            refused = newest.state is AttemptState.BLOCKED
            reason = newest.reason if refused else Reason.STARTING
            return self._answer(i, reason, newest.message or "its Job is there, not on record yet")
        if record.reason not in ("", Reason.BACKING_OFF):
            return self._answer(i, record.reason, f"tried again soon; {record.message}")
        words = "nothing is in its way; its Job is about to be created"
        return self._answer(i, Reason.READY, words)

    def _answer(
        self,
        i: int,
        reason: str,
        message: str,
        *,
        blocked_by: tuple[str, ...] = (),
        until: Instant | None = None,
    ) -> Explanation:
        return Explanation(
            step=self.flow.graph.names[i],
            phase=self.records[i].phase,
            reason=str(reason),
            message=message,
            blocked_by=blocked_by,
            until=until,
        )

    def _newest(self, i: int) -> Attempt | None:
        attempts = self.seen.attempts.get(i, ())
        return attempts[-1] if attempts else None

    def _phase(self, name: str) -> StepPhase:
        return self.records[self.flow.graph.index[name]].phase

    def _unfinished(self, i: int) -> tuple[str, ...]:
        parents = self.flow.graph.parents[i]
        names = self.flow.graph.names
        return tuple(names[p] for p in parents if not self.records[p].phase.terminal)

    def _broken(self, i: int) -> tuple[str, ...]:
        parents = self.flow.graph.parents[i]
        names = self.flow.graph.names
        return tuple(names[p] for p in parents if blocks_dependents(self.flow, p, self.records[p]))


def _names(names: Sequence[str], shown: Sequence[str] = ()) -> str:
    head = ", ".join((shown or names)[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{head} and {more} more" if more > 0 else head
