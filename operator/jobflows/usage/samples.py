"""What attempts have used becomes what their tasks need: time, memory, CPU, by kind of task.

What nobody measured is unknown, and never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from jobflows.api.status import Cause
from jobflows.usage.quantiles import NONE, Samples

SAMPLED = "metrics"
"""`measured_by` of an attempt that was looked at now and then."""


class Attempted(Protocol):
    """An attempt as it is stored; memory in bytes, times in UNIX seconds."""

    @property
    def step(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def task(self) -> int | None: ...
    @property
    def phase(self) -> str: ...
    @property
    def cause(self) -> str: ...
    @property
    def started(self) -> float | None: ...
    @property
    def finished(self) -> float | None: ...
    @property
    def peak_memory(self) -> int | None: ...
    @property
    def cpu_seconds(self) -> float | None: ...
    @property
    def measured_by(self) -> str: ...
    @property
    def memory(self) -> int | None: ...


_Task = tuple[str, str, int | None]
"""Flow, step, index of an array."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What tasks that do the same have used. Bytes, seconds, cores.

    `sampled` are the tasks of `memory` and `cores` that somebody only looked at now and then.
    """

    name: str
    tasks: int = 0
    attempts: int = 0
    failed: int = 0
    out_of_memory: int = 0
    timeouts: int = 0
    sampled: int = 0
    memory: Samples = NONE
    wall: Samples = NONE
    cores: Samples = NONE


@dataclass(slots=True)
class Gathered:
    """What is being added up of one kind of task."""

    tasks: set[_Task] = field(default_factory=set)
    attempts: int = 0
    failed: int = 0
    out_of_memory: int = 0
    timeouts: int = 0
    sampled: int = 0
    memory: list[float] = field(default_factory=list)
    cut_memory: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    cut_wall: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)

    def made(self, name: str) -> Usage:
        """What is known so far."""
        return Usage(
            name=name,
            tasks=len(self.tasks),
            attempts=self.attempts,
            failed=self.failed,
            out_of_memory=self.out_of_memory,
            timeouts=self.timeouts,
            sampled=self.sampled,
            memory=Samples(tuple(self.memory), tuple(self.cut_memory)),
            wall=Samples(tuple(self.wall), tuple(self.cut_wall)),
            cores=Samples(tuple(self.cores)),
        )


def of_attempts(attempts: Iterable[Attempted], groups: Mapping[str, str]) -> list[Usage]:
    """What the steps of one flow have used; `groups` names the kind of each step."""
    found: dict[str, list[tuple[str, Attempted]]] = {}
    for each in attempts:
        if each.finished is not None and each.step in groups:
            found.setdefault(groups[each.step], []).append(("", each))
    return [of_kind(name, tried) for name, tried in found.items()]


def of_kind(name: str, attempts: Iterable[tuple[str, Attempted]]) -> Usage:
    """What attempts of one kind have used, each given with the flow that it is of.

    Attempts that go on are left out. A task counts once: by the attempt that succeeded last, or, if
    it only ever ran out of memory or of time, by the most it had, which was too little.
    """
    tasks: dict[_Task, list[Attempted]] = {}
    for flow, each in attempts:
        if each.finished is not None:
            tasks.setdefault((flow, each.step, each.task), []).append(each)
    gathered = Gathered()
    for task, tried in tasks.items():
        _count(gathered, task, tried)
    return gathered.made(name)


def seconds_of(attempt: Attempted) -> float | None:
    """How long an attempt ran; None while it does, and when nobody saw it begin."""
    if attempt.started is None or attempt.finished is None:
        return None
    return max(0.0, attempt.finished - attempt.started)


def cores_of(attempt: Attempted) -> float | None:
    """How many cores it kept busy on average; None when nobody measured it."""
    seconds = seconds_of(attempt)
    if attempt.cpu_seconds is None or not seconds:
        return None
    return attempt.cpu_seconds / seconds


def _count(kind: Gathered, task: _Task, tried: Sequence[Attempted]) -> None:
    kind.tasks.add(task)
    kind.attempts += len(tried)
    failed = [each for each in tried if each.phase == "Failed"]
    kind.failed += len(failed)
    kind.out_of_memory += sum(each.cause == Cause.OUT_OF_MEMORY for each in failed)
    kind.timeouts += sum(each.cause == Cause.TIMEOUT for each in failed)
    good = [each for each in tried if each.phase == "Succeeded"]
    if good:
        last = max(good, key=lambda each: each.attempt)
        if (seconds := seconds_of(last)) is not None:
            kind.wall.append(seconds)
        if last.peak_memory is not None:
            kind.memory.append(float(last.peak_memory))
        if (cores := cores_of(last)) is not None:
            kind.cores.append(cores)
        kind.sampled += last.measured_by == SAMPLED
        return
    had = [e.memory or e.peak_memory for e in failed if e.cause == Cause.OUT_OF_MEMORY]
    if most := max((float(m) for m in had if m), default=None):
        kind.cut_memory.append(most)
    late = [seconds_of(each) for each in failed if each.cause == Cause.TIMEOUT]
    if longest := max((each for each in late if each is not None), default=None):
        kind.cut_wall.append(longest)
