"""Where a flow is in its graph: what is ready, what is open, and which moments matter.

Derived from the ledger's records and never stored. A plan copies it, changes the copy by what
happened, and hands it on with the new ledger, so that the price of an event does not grow with the
number of finished steps.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from jobflows.engine.flow import CompiledFlow
from jobflows.engine.ledger import Instant, Reason, StepPhase, StepRecord
from jobflows.engine.ready import Ready


@dataclass(slots=True)
class Frontier:
    """Counters and sets over step indices.

    `unmet[i]` counts dependencies that step i still waits for; `ready` are pending steps without
    unmet dependencies; `live` are running steps and those that wait for approval; `doomed` are
    pending steps below a failure, to be skipped; `open` are arrays that run, and may have tasks to
    start; `unfinished` counts all that is not final; `failures` counts failed steps that the flow
    does not tolerate; `retries` is what all steps have spent of the flow's backoffLimit in this
    run. Exit handlers are counted by themselves: `handlers` are those that are not final,
    `handler_failures` those that failed; their retries are their own. `timers` is a heap of
    (moment, step), each once (`armed` holds the same); a stale one costs a look.
    `holding` is how many tasks of a step take room under limits; it comes from what is seen, not
    from the records. `asked` are those of them that are pending still: an attempt was asked for.
    """

    unmet: list[int]
    ready: Ready
    live: set[int]
    doomed: set[int]
    open: set[int]
    timers: list[tuple[Instant, int]]
    unfinished: int
    failures: int
    retries: int
    handlers: int = 0
    handler_failures: int = 0
    armed: set[tuple[Instant, int]] = field(default_factory=set)
    holding: dict[int, int] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)

    @classmethod
    def of(
        cls, flow: CompiledFlow, records: Sequence[StepRecord], since: Instant | None = None
    ) -> Frontier:
        """Derive the frontier from scratch: after a restart, an edit of the spec, or a resume.

        What steps that ended before `since` have cost is not charged to this run.
        """
        unmet = [0] * len(records)
        self = cls(unmet, Ready(flow.graph, flow.lanes), set(), set(), set(), [], 0, 0, 0)
        for i, record in enumerate(records):
            self.count(flow, i, record)
            if since is not None and record.finished is not None and record.finished < since:
                self.retries -= 0 if flow.steps[i].on_exit else record.spent.counted
            if record.phase.terminal:
                continue
            above = [(p, records[p]) for p in flow.graph.parents[i]]
            unmet[i] = sum(is_unmet(flow, i, p, parent) for p, parent in above)
            if record.phase is not StepPhase.PENDING:
                self.live.add(i)
                if record.tasks is not None:
                    self.open.add(i)
                    for history in record.tasks.histories:
                        if history.retry_at is not None:
                            self.set_timer(history.retry_at, i)
                continue
            if record.retry_at is not None:
                self.set_timer(record.retry_at, i)
            if any(blocks_dependents(flow, p, parent) for p, parent in above):
                self.doomed.add(i)
            elif unmet[i] == 0:
                self.ready.add(i)
        return self

    def count(self, flow: CompiledFlow, step: int, record: StepRecord, times: int = 1) -> None:
        """Count a record in, or out again with `times` -1."""
        still_open = times * (not record.phase.terminal)
        failed = times * is_failure(flow, step, record)
        if flow.steps[step].on_exit:
            self.handlers += still_open
            self.handler_failures += failed
        else:
            self.unfinished += still_open
            self.failures += failed
            self.retries += times * record.spent.counted

    def copy(self) -> Frontier:
        """A copy to change; flat copies of flat containers."""
        return Frontier(
            self.unmet.copy(),
            self.ready.copy(),
            self.live.copy(),
            self.doomed.copy(),
            self.open.copy(),
            self.timers.copy(),
            self.unfinished,
            self.failures,
            self.retries,
            self.handlers,
            self.handler_failures,
            self.armed.copy(),
            self.holding.copy(),
            self.asked.copy(),
        )

    def hold(self, step: int, tasks: int, record: StepRecord) -> None:
        """So many tasks of a step take room now."""
        if tasks:
            self.holding[step] = tasks
        else:
            self.holding.pop(step, None)
        self.moved(step, record)

    def moved(self, step: int, record: StepRecord) -> None:
        """A step may have come to be pending, or have stopped to."""
        if step in self.holding and record.phase is StepPhase.PENDING:
            self.asked.add(step)
        else:
            self.asked.discard(step)

    def set_timer(self, at: Instant, step: int) -> None:
        """Have `step` looked at again at `at`; -1 stands for the flow itself."""
        if (at, step) not in self.armed:
            self.armed.add((at, step))
            heapq.heappush(self.timers, (at, step))

    def take_due(self, now: Instant) -> set[int]:
        """Remove and return the steps whose moment has come."""
        due: set[int] = set()
        while self.timers and self.timers[0][0] <= now:
            timer = heapq.heappop(self.timers)
            self.armed.discard(timer)
            due.add(timer[1])
        return due

    def next_moment(self) -> Instant | None:
        """The earliest timer."""
        return self.timers[0][0] if self.timers else None


def is_unmet(flow: CompiledFlow, step: int, parent: int, record: StepRecord) -> bool:
    """Whether `step` waits for `parent` as a whole. Tasks that follow tasks wait one by one."""
    if parent in flow.steps[step].early_parents and record.is_open:
        return False
    return not record.phase.terminal


def is_failure(flow: CompiledFlow, step: int, record: StepRecord) -> bool:
    """Whether this record makes the flow fail: a failed step that may not fail."""
    return record.phase is StepPhase.FAILED and not flow.steps[step].spec.continue_on_failure


def blocks_dependents(flow: CompiledFlow, step: int, record: StepRecord) -> bool:
    """Whether steps that depend on this one can never run.

    A failed step blocks unless it may fail. A skipped step does not, when its own `when` skipped
    it; it does when a failure above it, or the end of the flow, did.
    """
    if record.phase is StepPhase.SKIPPED:
        return record.reason != Reason.WHEN_FALSE
    return is_failure(flow, step, record)
