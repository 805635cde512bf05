"""How many workers, of which kind, and what that will bring: pure, from what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from jobflows.chunking.asked import Asked
from jobflows.chunking.growth import FIRST
from jobflows.chunking.plan import MARGIN, MUCH_WAITING, Estimate, parallel_seconds

Kind = Literal["serial", "process", "thread"]

UNKNOWN_ITEMS = 1000
"""Items that are taken to be there when nobody can know."""
RAM_SHARE = 0.8
"""Of the memory that is available, what workers may be expected to fill."""
THREAD_SECONDS = 0.0001
"""To start one."""


@dataclass(frozen=True, slots=True)
class Known:
    """Of the items. Times are in seconds an item, memory is in bytes; None is not known."""

    items: int | None
    measured: int
    """Items whose results are there already."""
    mean: float | None
    waiting_share: float | None
    on_core: float | None
    send: float
    receive: float
    not_sendable: str
    """Why function, items or results cannot be sent between processes."""
    grown: int | None


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to work with. Times are in seconds, memory is in bytes."""

    cores: int
    """That may be used."""
    quota: float | None
    """Cores' worth of time; None without a limit."""
    free: int
    """Workers that others leave room for; as many as the cores if nobody asked."""
    available_memory: int
    start: float
    """To start one worker process."""
    start_once: float
    """Before the first one starts: fresh interpreters begin together, forks need none."""
    claim: float
    """For a worker to take its next items."""
    parallel_threads: bool = False
    """Whether this Python runs threads at the same time."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`seconds` are of the whole run from nothing, with these workers."""

    kind: Kind
    n_jobs: int
    chunksize: int
    speedup: float
    seconds: float | None
    serial_seconds: float | None
    reason: str
    warnings: tuple[str, ...] = ()
    rejections: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    most_by_cpu: int = 1
    most_by_memory: int | None = None
    """None: nothing was seen to grow."""
    spawn: float = 0.0
    """Seconds of the run in which workers start."""
    ipc: float = 0.0
    """… in which results cross processes."""
    chunking: float = 0.0
    """… in which items are taken."""
    compute: float = 0.0
    """… in which the function runs."""


def decide(known: Known, machine: Machine, asked: Asked) -> Decision:
    """Who is to work."""
    return _Deciding(known, machine, asked).decide()


class _Deciding:
    def __init__(self, known: Known, machine: Machine, asked: Asked) -> None:
        self._known = known
        self._machine = machine
        self._asked = asked
        self._items = UNKNOWN_ITEMS if known.items is None else known.items
        self._constraints: list[str] = []
        self._by_memory: int | None = None

    def decide(self) -> Decision:
        known, asked = self._known, self._asked
        left = self._items - known.measured
        if known.mean is None or left <= 0:
            words = "nothing is left to do" if left <= 0 else "no item was measured"
            return self._serial(f"one worker: {words}", ())
        waits = known.waiting_share is not None and known.waiting_share > MUCH_WAITING
        if asked.executor_type == "thread" or (asked.executor_type == "auto" and waits):
            return self._threads(waits)
        if self._machine.parallel_threads and asked.executor_type == "auto":
            return self._threads(waits)
        if known.not_sendable and asked.executor_type == "auto" and asked.n_jobs is None:
            why = f"not all can be sent between processes ({known.not_sendable})"
            return self._serial(f"one worker: {why}", (why,))
        return self._processes()

    def _threads(self, waits: bool) -> Decision:
        known, asked = self._known, self._asked
        assert known.mean is not None
        most = asked.max_workers or (FIRST if waits else self._machine.cores)
        n_jobs = asked.n_jobs or max(1, min(most, self._items))
        share = known.waiting_share or 0.0
        working = known.mean if known.on_core is None else known.on_core
        # What works takes turns, unless this Python runs threads at once; what waits does not.
        turns = min(n_jobs, self._power()) if self._machine.parallel_threads else 1
        compute = self._items * max(known.mean / n_jobs, working / turns)
        start = n_jobs * THREAD_SECONDS
        if waits:
            reason = f"{n_jobs} threads: items wait {share:.0%} of their time"
        elif self._machine.parallel_threads:
            reason = f"{n_jobs} threads: this Python runs them at the same time"
        else:
            reason = f"{n_jobs} threads, as asked"
        warnings: tuple[str, ...] = ()
        if not waits and not self._machine.parallel_threads and known.waiting_share is not None:
            warnings = (
                f"items work {1 - share:.0%} of their time, and threads of this Python take turns: "
                "executor_type='process' may be faster",
            )
        return self._parallel("thread", n_jobs, start, 0.0, compute, reason, warnings)

    def _processes(self) -> Decision:
        known, machine, asked = self._known, self._machine, self._asked
        assert known.mean is not None
        n_jobs = asked.n_jobs or self._most()
        one = Estimate(known.mean, known.send, known.receive)
        start = machine.start_once + n_jobs * machine.start
        seconds = parallel_seconds(self._items, n_jobs, one, start)
        serial = self._items * known.mean
        ipc = max(0.0, seconds - start - serial / n_jobs)
        compute = serial / min(n_jobs, self._power())
        forced = asked.n_jobs is not None or asked.executor_type == "process"
        left = self._items - known.measured
        ahead = parallel_seconds(left, n_jobs, one, start)
        if not forced and (n_jobs < 2 or left * known.mean <= MARGIN * ahead):
            if n_jobs < 2:
                why = "only one worker is allowed or has room"
            elif ipc > compute:
                why = "to send a result takes longer than to compute it"
            else:
                why = (
                    f"{left * known.mean * 1e3:.1f} ms of work are left, too little to start "
                    f"{n_jobs} workers ({start * 1e3:.1f} ms)"
                )
            return self._serial(f"one worker: {why}", (why,))
        reason = (
            f"{n_jobs} processes: items work" if not forced else f"{n_jobs} processes, as asked"
        )
        warnings = (
            (f"not all can be sent between processes ({known.not_sendable})",)
            if known.not_sendable
            else ()
        )
        return self._parallel("process", n_jobs, start, ipc, compute, reason, warnings)

    def _most(self) -> int:
        """Processes that cores, load and memory have room for."""
        known, machine, asked = self._known, self._machine, self._asked
        most = min(machine.cores, self._items)
        if asked.max_workers is not None:
            most = min(most, asked.max_workers)
        if machine.free < most:
            most = machine.free
            self._constraints.append(f"others keep the machine busy: {most} workers at most")
        if known.grown:
            fit = max(1, int(RAM_SHARE * machine.available_memory / known.grown))
            self._by_memory = fit
            if asked.respect_memory_limit and fit < most:
                most = fit
                self._constraints.append(
                    f"Memory constraint: limiting to {fit} workers "
                    f"({machine.available_memory / 1e9:.1f} GB available, "
                    f"{known.grown / 1e9:.2f} GB per job)"
                )
        return max(1, most)

    def _power(self) -> float:
        """Cores' worth of time."""
        machine = self._machine
        return machine.cores if machine.quota is None else min(machine.cores, machine.quota)

    def _chunksize(self, n_jobs: int) -> int:
        known = self._known
        fair = -(-max(1, self._items - known.measured) // (2 * n_jobs))
        if not known.mean:
            return fair
        return max(1, min(fair, math.ceil(self._asked.target_chunk_duration / known.mean)))

    def _serial(self, reason: str, rejections: tuple[str, ...]) -> Decision:
        mean = self._known.mean
        serial = None if mean is None else self._items * mean
        return Decision(
            kind="serial",
            n_jobs=1,
            chunksize=max(1, self._items),
            speedup=1.0,
            seconds=serial,
            serial_seconds=serial,
            reason=reason,
            rejections=rejections,
            constraints=tuple(self._constraints),
            most_by_cpu=self._machine.cores,
            most_by_memory=self._by_memory,
            compute=serial or 0.0,
        )

    def _parallel(  # noqa: PLR0917 - two callers, above
        self,
        kind: Kind,
        n_jobs: int,
        start: float,
        ipc: float,
        compute: float,
        reason: str,
        warnings: tuple[str, ...],
    ) -> Decision:
        mean = self._known.mean
        assert mean is not None
        chunksize = self._chunksize(n_jobs)
        chunking = math.ceil(self._items / chunksize) * self._machine.claim / n_jobs
        serial = self._items * mean
        # At the end somebody works on the last item alone.
        tail = mean * (1 - 1 / n_jobs) / 2 if self._items > n_jobs else 0.0
        seconds = start + compute + ipc + chunking + tail
        return Decision(
            kind=kind,
            n_jobs=n_jobs,
            chunksize=chunksize,
            speedup=serial / seconds if seconds else 1.0,
            seconds=seconds,
            serial_seconds=serial,
            reason=reason,
            warnings=warnings,
            constraints=tuple(self._constraints),
            most_by_cpu=self._machine.cores,
            most_by_memory=self._by_memory,
            spawn=start,
            ipc=ipc,
            chunking=chunking,
            compute=compute,
        )
