"""Who is to work: decided from what was asked, and from what the first items were like."""

from __future__ import annotations

import importlib
import pickle
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from jobflows.chunking import mains
from jobflows.chunking.first import First, transport_seconds
from jobflows.chunking.machine.cgroups import cpu_throttling
from jobflows.chunking.machine.cores import usable_cores
from jobflows.chunking.memory import resident_memory
from jobflows.chunking.options import Options, StartMethod
from jobflows.chunking.plan import MUCH_WAITING, Estimate, pays, start_seconds
from jobflows.chunking.source import Source
from jobflows.chunking.supply import Batch

UNKNOWN_LEFT = 1000
"""Items that are taken to be left when nobody can know."""
LONG_ENOUGH = 500_000
"""Nanoseconds of work after which waiting can be told from working."""
SOME_THREADS = 32


@dataclass(frozen=True, slots=True)
class Choice:
    """Processes, threads, or a crowd: threads in one process apart."""

    kind: Literal["process", "thread", "crowd"]
    workers: int | None
    """Of a growing number of threads, the most; None as many as help."""
    reason: str
    grow: bool = False
    method: StartMethod = "fork"


class Chooser:
    """For one run."""

    def __init__(self, options: Options, source: Source) -> None:
        self._options = options
        self._source = source
        self._cores = 0
        self._stay = ""
        self._throttled = Throttled() if options.executor == "auto" else None

    def waits(self, share: float) -> bool:
        """Whether items that wait this share of their time are for threads."""
        return share > MUCH_WAITING and not (self._throttled and self._throttled.lately)

    def at_once(self) -> Choice | None:
        """Who begins; None for the calling process."""
        options = self._options
        if self._source.left == 0:
            return None
        if options.executor == "thread":
            return _threads(self._options, "threads, as asked")
        if options.executor == "process":
            return self._processes("processes, as asked")
        most = 1 if options.executor == "serial" else None
        if options.isolate:
            return self._processes("processes, so that no item can harm the caller", most)
        if options.timeout is not None:
            return self._processes("processes, which can be killed when an item is late", most)
        return None

    def after(self, first: First, batch: Batch) -> Choice | None:
        """Who goes on after these items; None for the calling process."""
        if self._options.executor != "auto" or self._stay or not first.is_warm:
            return None
        left = self._source.left
        left = UNKNOWN_LEFT + first.sums.done if left is None else left
        sums = first.sums
        if left and sums.busy >= LONG_ENOUGH and self.waits(sums.waiting_share):
            if left * first.latest > start_seconds(SOME_THREADS, 0, forked=True) / 10:
                return _threads(
                    self._options, f"threads: items wait {sums.waiting_share:.0%} of their time"
                )
            return None
        return self._if_it_pays(left, first, batch)

    def _if_it_pays(self, left: int, first: First, batch: Batch) -> Choice | None:
        workers = self._workers(left)
        # Before anything is measured that costs something: could it pay at all?
        if workers < 2 or not pays(left, workers, Estimate(first.latest), 0.001):
            return None
        if free_threaded():
            return Choice("thread", workers, f"{workers} threads: this Python runs them at once")
        choice = self._processes(f"{workers} processes: items work")
        try:
            transport = transport_seconds(batch.values[-1])
            forked = self._source.sequence is not None
            try_to_send(first.function, first.item, choice.method, forked=forked)
        except Exception as error:  # noqa: BLE001 - whatever their own pickling raises
            self._stay = f"no workers: not all can be sent between processes ({error})"
            return None
        start = start_seconds(workers, resident_memory(), forked=choice.method == "fork")
        one = Estimate(first.latest, *transport)
        return choice if pays(left, workers, one, start) else None

    def _workers(self, left: int) -> int:
        self._cores = self._cores or usable_cores()
        return max(1, min(self._options.workers or self._cores, left))

    def _processes(self, reason: str, most: int | None = None) -> Choice:
        left = self._source.left
        workers = self._workers(UNKNOWN_LEFT if left is None else left)
        method, why = start_method(self._options)
        words = f"{reason}; {method}: {why}"
        return Choice("process", min(workers, most or workers), words, method=method)

    @property
    def stays(self) -> str:
        """Why the calling process goes on alone, if there is a reason besides the cost."""
        return self._stay


def try_to_send(
    function: Callable[[Any], Any], item: Any, method: StartMethod, *, forked: bool
) -> None:
    """Raises what would be raised by sending what a fork does not give to workers.

    A fork gives them all items where it is `forked` with them.
    """
    if method != "fork":
        spawned = importlib.import_module("jobflows.chunking.spawned")  # multiprocessing: 10 ms
        spawned.portable(function)
    if method != "fork" or not forked:
        data = pickle.dumps(item, 5)
        if method != "fork" and b"__main__" in data and not mains.is_importable():
            raise TypeError(f"{item!r:.80} cannot be sent to another interpreter: {mains.WHY}")


class Throttled:
    """Whether a CPU quota has stopped this process since this was made: that looks like waiting."""

    def __init__(self) -> None:
        self._before = cpu_throttling()

    @property
    def lately(self) -> bool:
        """In a tenth of the periods or more."""
        now = cpu_throttling()
        if now is None or self._before is None:
            return False
        periods = now.periods - self._before.periods
        return now.throttled - self._before.throttled > periods / 10


def when_waiting(options: Options, share: float) -> Choice | None:
    """Who goes on when items turn out to wait; None if nobody else is to."""
    reason = _waits(share)
    if options.isolate or options.timeout is not None:
        if start_method(options)[0] != "fork":
            return None  # a crowd is forked
        return Choice("crowd", options.workers, f"{reason}; in a process apart", grow=True)
    return _threads(options, reason)


def _waits(share: float) -> str:
    return f"threads: items wait {share:.0%} of their time"


def _threads(options: Options, reason: str) -> Choice:
    return Choice("thread", options.workers, reason, grow=options.workers is None)


def start_method(options: Options) -> tuple[StartMethod, str]:
    """How processes are to start, and why."""
    if options.start_method is not None:
        return options.start_method, "as asked"
    others = threading.active_count() - 1
    if others:
        return "forkserver", f"to fork beside {others} other threads is not safe"
    if sys.platform == "darwin":
        return "spawn", "to fork is not safe on this system"
    return "fork", "workers inherit function and items"


def free_threaded() -> bool:
    """Whether this Python runs threads at the same time."""
    enabled = getattr(sys, "_is_gil_enabled", None)
    return enabled is not None and not enabled()
