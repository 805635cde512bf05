"""A small world for arrays: batches run task by task on virtual time, as Indexed Jobs do.

Each look at the world is planned twice, step by step and from scratch, and each status goes through
JSON. What holds for any plan at any time is asserted in `plan`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.flows import START
from jobflows.engine import (
    Attempt,
    AttemptRef,
    AttemptState,
    Cause,
    CompiledFlow,
    Grown,
    Ledger,
    Observations,
    Plan,
    StartAttempt,
    StepPhase,
    StepRecord,
    StopAttempt,
    plan,
    read_status,
    write_status,
)
from jobflows.engine.frontier import Frontier
from jobflows.engine.indexes import EMPTY, IndexSet
from jobflows.engine.mapping import Measured
from jobflows.engine.observations import TaskFailure
from jobflows.engine.tasks import Tasks

End = Literal["ok", "fail", "lost", "oom"]
Script = Callable[[str, int, int], tuple[End, float]]
"""(step, task, how many times it ran before) -> how it ends, after how many seconds."""


def all_well(_step: str, _task: int, _ran: int) -> tuple[End, float]:
    return "ok", 1.0


@dataclass
class Batch:
    """An Indexed Job. A step without an array runs its one task 0."""

    step: str
    number: int
    tasks: IndexSet
    is_array: bool
    ends: dict[int, tuple[End, float]]
    gone_at: float | None = None
    """When nothing is left of it, once it is stopped."""
    says: Callable[[str, int], str] | None = None
    items_per_task: int = 0

    def seen(self, now: float) -> Attempt:
        done = {t: end for t, (end, at) in self.ends.items() if at <= now}
        failures = []
        causes = {
            "fail": Cause.APPLICATION,
            "lost": Cause.DISRUPTION,
            "oom": Cause.OUT_OF_MEMORY,
        }
        for kind, cause in causes.items():
            hit = IndexSet.of(t for t, end in done.items() if end == kind)
            if hit:
                failures.append(TaskFailure(tasks=hit, cause=cause, message=kind))
        over = len(done) == len(self.tasks)
        state = AttemptState.RUNNING
        if self.gone_at is not None:
            state = AttemptState.STOPPING
        elif over:
            state = AttemptState.FAILED if failures else AttemptState.SUCCEEDED
        whole = Attempt(
            number=self.number,
            state=state,
            ref=AttemptRef(f"{self.step}-{self.number}"),
            cause=failures[0].cause if failures else Cause.APPLICATION,
        )
        if not self.is_array:
            return replace(whole, output=self.says(self.step, 0)) if self.says and over else whole
        return replace(
            whole,
            tasks=self.tasks,
            succeeded=IndexSet.of(t for t, end in done.items() if end == "ok"),
            failures=tuple(failures),
            outputs={
                t: self.says(self.step, t) for t, end in done.items() if end == "ok" and self.says
            },
            items_per_task=self.items_per_task,
        )


@dataclass
class ArrayWorld:
    flow: CompiledFlow
    script: Script = all_well
    window: int | None = None
    largest_batch: int = 10_000
    now: float = START
    ledger: Ledger = field(default_factory=Ledger)
    status: dict[str, object] = field(default_factory=dict)
    batches: dict[tuple[str, int], Batch] = field(default_factory=dict)
    begun: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    """When each task (step, index) was started."""
    resources: dict[tuple[str, int], Grown] = field(default_factory=dict)
    """What each attempt (step, number) may use beyond its template."""
    ended: dict[tuple[str, int], float] = field(default_factory=dict)
    """When each task succeeded."""
    most_live: dict[str, int] = field(default_factory=dict)
    shown: dict[int, tuple[Attempt, ...]] = field(default_factory=dict)
    fresh: bool = True
    resume: str = ""
    stopping: float = 0.0
    """How long a stopped batch and its tasks live on."""
    lame: bool = False
    """Whether the operator dies before it does anything."""
    repeats: bool = False
    """Whether somebody asked for tasks to run again that had succeeded."""
    says: Callable[[str, int], str] | None = None
    """The termination message of a task (step, index)."""
    measured: dict[str, Measured] = field(default_factory=dict)
    approvals: dict[str, bool] = field(default_factory=dict)

    def run(self, seconds: float = 10_000.0) -> ArrayWorld:
        """Until the flow has ended, or nothing more can happen."""
        end = self.now + seconds
        while self.now <= end:
            self.settle()
            moment = self.next_moment()
            if self.ledger.phase.terminal or moment is None or moment > end:
                return self
            self.now = moment
        return self

    def settle(self) -> None:
        for _ in range(1000):
            before = self.ledger
            starts = self.plan()
            if not starts and self.ledger == before:
                return
        raise AssertionError("plans without end at one moment")

    def next_moment(self) -> float | None:
        moments = [at for b in self.batches.values() for _, at in b.ends.values()]
        moments += [b.gone_at for b in self.batches.values() if b.gone_at is not None]
        if self.last.wake_at is not None:
            moments.append(self.last.wake_at)
        return min((at for at in moments if at > self.now), default=None)

    def plan(self) -> bool:
        """Look, plan and carry out; whether something was started."""
        for key, gone in [(key, batch.gone_at) for key, batch in self.batches.items()]:
            if gone is not None and gone <= self.now:
                del self.batches[key]
        groups: dict[int, list[Attempt]] = {}
        for batch in sorted(self.batches.values(), key=lambda b: b.number):
            index = self.flow.graph.index[batch.step]
            groups.setdefault(index, []).append(batch.seen(self.now))
        seen_now = {i: tuple(group) for i, group in groups.items()}
        changed = {
            i for i in seen_now.keys() | self.shown.keys() if seen_now.get(i) != self.shown.get(i)
        }
        seen = Observations(
            attempts=seen_now,
            changed=None if self.fresh else changed,
            resume=self.resume,
            window=self.window,
            largest_batch=self.largest_batch,
            measured=self.measured,
            approvals=self.approvals,
            resources_ready=True,
        )
        self.shown, self.fresh = seen_now, False
        answer = plan(self.flow, self.ledger, seen, self.now)
        self._check(seen, answer)
        self.ledger, self.last = answer.ledger, answer
        written = write_status(self.flow, self.ledger, self.now)
        self.status = json.loads(json.dumps(written))
        for action in () if self.lame else answer.actions:
            if isinstance(action, StartAttempt):
                self._start(action)
            elif isinstance(action, StopAttempt):
                self._stop(action)
        return any(isinstance(action, StartAttempt) for action in answer.actions)

    def crash(self) -> None:
        """The operator dies; another one reads the status and lists the Jobs."""
        self.ledger = read_status(self.flow, self.status)
        self.fresh = True

    def vanish(self, step: str, number: int) -> None:
        batch = self.batches.pop((step, number))
        for task, (_, at) in batch.ends.items():
            if at >= self.now:  # one that ends at this moment was not seen to do so
                self.ended.pop((step, task), None)

    def record(self, step: str) -> StepRecord:
        return self.ledger.steps[self.flow.graph.index[step]]

    def tasks(self, step: str) -> Tasks:
        tasks = self.record(step).tasks
        assert tasks is not None
        return tasks

    def jobs(self, step: str) -> list[str]:
        """The tasks of each Job of a step, in the order of their numbers."""
        return [str(b.tasks) for (name, _), b in sorted(self.batches.items()) if name == step]

    def times(self, step: str, task: int) -> int:
        return len(self.begun.get((step, task), ()))

    def _start(self, action: StartAttempt) -> None:
        name = self.flow.graph.names[action.step]
        if (name, action.number) in self.batches:
            return
        is_array = self.flow.steps[action.step].is_array
        tasks = action.tasks if is_array else IndexSet.of([0])
        assert tasks, "an empty batch"
        self.resources[name, action.number] = action.resources
        ends = {}
        for task in tasks:
            done = self.ended.get((name, task))
            assert self.repeats or done is None or done > self.now, "a task runs that succeeded"
            ran = self.times(name, task)
            self.begun.setdefault((name, task), []).append(self.now)
            end, seconds = self.script(name, task, ran)
            ends[task] = (end, self.now + seconds)
            if end == "ok":
                self.ended[name, task] = self.now + seconds
        for other in self.batches.values():
            if other.step == name:
                live = {t for t, (_, at) in other.ends.items() if at > self.now}
                assert not live & set(tasks), "a task runs twice at once"
        self.batches[name, action.number] = Batch(
            name,
            action.number,
            tasks,
            is_array,
            ends,
            says=self.says,
            items_per_task=action.items_per_task,
        )
        live_now = sum(
            at > self.now
            for b in self.batches.values()
            if b.step == name
            for _, at in b.ends.values()
        )
        self.most_live[name] = max(self.most_live.get(name, 0), live_now)

    def _stop(self, action: StopAttempt) -> None:
        for key, batch in list(self.batches.items()):
            if batch.seen(self.now).ref != action.attempt.ref or batch.gone_at is not None:
                continue
            batch.gone_at = self.now + self.stopping
            for task, (_, at) in batch.ends.items():
                if at > self.now:
                    self.ended.pop((batch.step, task), None)
                    batch.ends[task] = ("lost", batch.gone_at)
            if not self.stopping:
                del self.batches[key]

    def _check(self, seen: Observations, answer: Plan) -> None:
        scratch = plan(
            self.flow, replace(self.ledger, frontier=None), replace(seen, changed=None), self.now
        )
        assert scratch.ledger == answer.ledger, "step by step is not as from scratch"
        assert scratch.actions == answer.actions
        again = plan(self.flow, answer.ledger, replace(seen, changed=()), self.now)
        assert again.ledger == answer.ledger, "not idempotent"
        assert not again.events, again.events
        carried, derived = answer.ledger.frontier, Frontier.of(self.flow, answer.ledger.steps)
        assert carried is not None
        for i, record in enumerate(answer.ledger.steps):
            if record.phase is StepPhase.PENDING:
                assert carried.unmet[i] == derived.unmet[i], self.flow.graph.names[i]
        for name in ("live", "doomed", "open", "unfinished", "failures"):
            assert getattr(carried, name) == getattr(derived, name), name
        assert list(carried.ready) == list(derived.ready)
        status = json.loads(json.dumps(write_status(self.flow, answer.ledger, self.now)))
        read = read_status(self.flow, status)
        assert write_status(self.flow, read, self.now)["steps"] == status["steps"]
        for record in answer.ledger.steps:
            if record.tasks is not None:
                _check_tasks(record, record.tasks)


def _check_tasks(record: StepRecord, tasks: Tasks) -> None:
    parts = [tasks.succeeded, tasks.failed, tasks.skipped, *tasks.batches.values()]
    everything = EMPTY
    for part in parts:
        assert not everything & part, "a task is in two places"
        everything = everything | part
    assert not everything - IndexSet.span(0, tasks.total)
    if record.phase is StepPhase.SUCCEEDED:
        assert len(tasks.succeeded) == tasks.total
