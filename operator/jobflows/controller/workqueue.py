"""Which flow is reconciled next.

A keyed queue in the manner of client-go's: a key that is added many times is handed out once; a key
is never handed to two workers at a time, and one that is added while a worker has it comes back
when the worker is done. On top of it: priorities (a person's change before a pod's event, both
before a resync), delays (the planner's `wake_at`), and back-off per key for failed reconciles.

Time is the event loop's, so that a simulation owns it.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from dataclasses import dataclass
from enum import IntEnum

BACKOFF_BASE = 0.05
BACKOFF_CAP = 60.0
BACKOFF_DOUBLINGS = 16
DEAD_TIMERS = 64
"""Timers nobody waits for that may lie about, besides as many as are waited for."""


class Priority(IntEnum):
    """Lower is sooner."""

    USER = 0
    EVENT = 1
    RESYNC = 2


@dataclass(slots=True)
class QueueStats:
    """Counters since the start, for metrics."""

    adds: int = 0
    retries: int = 0


@dataclass(slots=True)
class _Waiting:
    priority: Priority
    since: float


class WorkQueue:
    """Keys are UIDs of flows."""

    def __init__(self, rng: random.Random) -> None:
        self.stats = QueueStats()
        self.working: dict[str, float] = {}
        """Keys in work, with the loop time when they were taken."""
        self._rng = rng
        self._lanes: dict[Priority, deque[str]] = {priority: deque() for priority in Priority}
        self._waiting: dict[str, _Waiting] = {}
        self._again: dict[str, Priority] = {}
        self._failures: dict[str, int] = {}
        self._due: list[tuple[float, str]] = []
        self._wake_at: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._getters: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: str, priority: Priority = Priority.EVENT) -> None:
        """Have `key` reconciled soon; at the more urgent priority if it waits already."""
        if key in self.working:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        waiting = self._waiting.get(key)
        if waiting is None:
            self.stats.adds += 1
            self._waiting[key] = _Waiting(priority, asyncio.get_running_loop().time())
        elif priority < waiting.priority:
            waiting.priority = priority
        else:
            return
        self._lanes[priority].append(key)
        self._wake_getter()

    def add_at(self, key: str, at: float) -> None:
        """Have `key` reconciled at loop time `at`; the earliest wish counts."""
        known = self._wake_at.get(key)
        if known is not None and known <= at:
            return
        self._wake_at[key] = at
        heapq.heappush(self._due, (at, key))
        self._tidy()
        self._arm()

    def retry(self, key: str) -> float:
        """Have `key` reconciled after its back-off; returns the seconds to wait."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.stats.retries += 1
        ceiling = min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(failures, BACKOFF_DOUBLINGS))
        delay = ceiling * (0.5 + 0.5 * self._rng.random())
        self.add_at(key, asyncio.get_running_loop().time() + delay)
        return delay

    def forgive(self, key: str) -> None:
        """A reconcile went well: the next failure starts from the shortest wait."""
        self._failures.pop(key, None)

    def forget(self, key: str) -> None:
        """The flow is gone: nothing about it is kept, and no timer brings it back."""
        self._failures.pop(key, None)
        self._wake_at.pop(key, None)
        self._again.pop(key, None)
        self._tidy()

    def close(self) -> None:
        """Hand out nothing any more: whoever waits in `get` gets None."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for getter in self._getters:
            if not getter.done():
                getter.set_result(None)

    async def get(self) -> tuple[str, float] | None:
        """Take the most urgent key, with the seconds it waited; None when the queue is closed."""
        while not self._closed:
            for lane in self._lanes.values():
                while lane:
                    key = lane.popleft()
                    waiting = self._waiting.get(key)
                    if waiting is None:
                        continue  # handed out before, from a more urgent lane
                    del self._waiting[key]
                    now = asyncio.get_running_loop().time()
                    self.working[key] = now
                    return key, now - waiting.since
            getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            finally:
                if not getter.done():
                    getter.cancel()
        return None

    def done(self, key: str) -> None:
        """Give a key back; it is queued again if it was added in the meantime."""
        del self.working[key]
        again = self._again.pop(key, None)
        if again is not None:
            self.add(key, again)

    def _wake_getter(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    def _tidy(self) -> None:
        """Drop dead timers once they are most: the deadline of a deleted flow may be days off."""
        if len(self._due) > 2 * len(self._wake_at) + DEAD_TIMERS:
            self._due = [(at, key) for at, key in self._due if self._wake_at.get(key) == at]
            heapq.heapify(self._due)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due and not self._closed:
            self._timer = asyncio.get_running_loop().call_at(self._due[0][0], self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        while self._due and self._due[0][0] <= now:
            at, key = heapq.heappop(self._due)
            if self._wake_at.get(key) == at:  # else an earlier wish has replaced it
                del self._wake_at[key]
                self.add(key)
        self._arm()
