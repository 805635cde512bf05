"""Worker threads, for items that wait; and for all items where Python has no lock around it.

They share the caller's memory, so nothing is pickled. A thread cannot be killed: one whose item
takes too long is left behind, another takes its place, and its result is thrown away.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from jobflows.chunking.errors import ItemError, failure_of, show
from jobflows.chunking.growth import Growth
from jobflows.chunking.supply import Batch, Indexed
from jobflows.chunking.tally import Sums


class Threads:
    """`gather` until `is_over`; then `close`.

    `grow` lets their number rise while that helps, up to `workers` if that is given; else there are
    `workers` from the beginning. Each takes work for `claim_seconds` at a time, or a single item.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        items: Iterator[Indexed],
        *,
        workers: int | None,
        grow: bool,
        claim_seconds: float,
        timeout: float | None,
        limit: int | None,
    ) -> None:
        self._function = function
        self._items = items
        self._claim_ns = int(claim_seconds * 1e9)
        self._timeout = timeout
        self._growth = Growth(workers, time.perf_counter()) if grow else None
        self.wanted = self._growth.wanted if self._growth else workers or 1
        self._lock = threading.Condition()
        self._reading = threading.Lock()
        self._limit = limit
        self._taken = 0
        self._given = 0
        self._exhausted = False
        self._halted = False
        self._error: BaseException | None = None
        self._out: queue.SimpleQueue[Batch] = queue.SimpleQueue()
        self._standing: dict[object, tuple[int, Indexed]] = {}
        self._late: set[object] = set()
        self._alive = 0
        self._sums = Sums()
        self.deaths = 0

    def start(self) -> None:
        """Start as many threads as are wanted."""
        with self._lock:
            missing = 0 if self._exhausted or self._halted else self.wanted - self._alive
            self._alive += max(0, missing)
        for _ in range(missing):
            threading.Thread(target=self._work, name="jobflow-map", daemon=True).start()

    @property
    def pids(self) -> tuple[int, ...]:
        """Of other processes: none."""
        return ()

    @property
    def at_once(self) -> int:
        """Items that are worked on at the same time."""
        return self.wanted

    @property
    def sums(self) -> Sums:
        return self._sums

    @property
    def is_over(self) -> bool:
        with self._lock:
            over = self._given == self._taken and (self._exhausted or self._halted)
        if over and self._error is not None:
            raise self._error
        return over

    def halt(self) -> None:
        """Begin no other item; safe in a signal handler."""
        self._halted = True

    def allow(self, limit: int) -> None:
        """Let so many items in all be taken."""
        with self._lock:
            self._limit = max(limit, self._limit or 0)
            self._lock.notify_all()

    def close(self) -> None:
        """Let no thread begin another item, and do not wait for those that stand."""
        self._halted = True
        with self._lock:
            self._lock.notify_all()

    def gather(self, seconds: float) -> Iterator[Batch]:
        """What comes within `seconds`, as soon as anything comes."""
        try:
            batch = self._out.get(timeout=seconds)
            more = self._out.qsize()  # and not what comes meanwhile: that may never end
            while True:
                with self._lock:
                    self._given += len(batch.indices)
                yield batch
                if not more:
                    break
                more -= 1
                batch = self._out.get_nowait()
        except queue.Empty:
            pass
        if self._timeout is not None:
            yield from self._give_up_late(self._timeout)
        if self._growth is not None and not self._halted:
            wanted = self._growth.look(time.perf_counter(), self._sums.done, self._sums.mean / 1e9)
            if wanted > self.wanted:
                self.wanted = wanted
                self.start()

    def _work(self) -> None:
        me = object()  # not its number, which the system gives to another thread after it
        mean = 0.0
        while (claim := self._take(mean)) and not self._halted:
            began = time.perf_counter_ns()
            values = [self._one(me, known) for known in claim]
            took = time.perf_counter_ns() - began
            mean = took / len(claim)
            with self._lock:
                if me in self._late:
                    return
                sums = self._sums
                sums.done += len(claim)
                sums.busy += took
                sums.claims += 1
                sums.longest = max(sums.longest, int(mean))
            failed = sum(type(value) is ItemError for value in values)
            self._out.put(Batch([index for index, _ in claim], values, failed))
        with self._lock:
            self._alive -= 1
            if claim:  # halted between taking it and beginning it
                self._taken -= len(claim)

    def _take(self, mean: float) -> list[Indexed]:
        wanted = max(1, int(self._claim_ns / mean)) if mean and self._timeout is None else 1
        with self._lock:
            while self._limit is not None and self._taken >= self._limit and not self._halted:
                self._lock.wait()
            if self._limit is not None:
                wanted = max(1, min(wanted, self._limit - self._taken))
            self._taken += wanted  # before it is read: others may ask meanwhile
        claim: list[Indexed] = []
        with self._reading:  # apart from the other lock, because it may take its time
            if not (self._halted or self._exhausted):
                try:
                    claim = list(islice(self._items, wanted))
                except BaseException as error:  # noqa: BLE001 - raised in the collector
                    self._error = error
                self._exhausted = not claim
        with self._lock:
            self._taken -= wanted - len(claim)
            return claim

    def _one(self, me: object, known: Indexed) -> Any:
        index, item = known
        if self._timeout is not None:
            self._standing[me] = (time.perf_counter_ns(), known)
        try:
            return self._function(item)
        except BaseException as error:  # noqa: BLE001 - also sys.exit() is an item's failure
            return failure_of(index, item, error)
        finally:
            self._standing.pop(me, None)

    def _give_up_late(self, timeout: float) -> Iterator[Batch]:
        now = time.perf_counter_ns()
        for thread, (since, (index, item)) in list(self._standing.items()):
            if now - since <= timeout * 1e9:
                continue
            with self._lock:
                if self._standing.pop(thread, None) is None:
                    continue  # it was done just now
                self._late.add(thread)
                self._alive -= 1
                self._given += 1
            words = f"took longer than {timeout:g} s, and its thread was left behind"
            yield Batch((index,), (ItemError(index, show(item), "timeout", words),), 1)
            self.start()
