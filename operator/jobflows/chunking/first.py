"""The first items, in the calling process: they count, and they tell what the rest is like.

Nothing is run twice and nothing is thrown away: as long as workers would not pay, the caller goes
on by itself, in blocks that double, and looks again after each.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jobflows.chunking.errors import failure_of
from jobflows.chunking.schedstat import Schedule
from jobflows.chunking.supply import Batch, Indexed
from jobflows.chunking.tally import Sums

LOOK_SECONDS = 0.002
"""A block is not made longer than this."""


class First:
    """Runs items here. `sums` and `transport` are what it has learnt."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.item: Any = None
        """The last item of the newest block."""
        self._schedule = Schedule()
        self._size = 1
        self.sums = Sums()
        self.latest = 0.0
        """Seconds an item of the newest block, without those in which it had no core."""
        self.is_warm = False
        """Whether `latest` is more than a short first call, which also had to find the code."""

    def block(self, items: Iterator[Indexed], most: int | None = None) -> Batch:
        """Run the next block, of at most `most` items; empty when there are no more."""
        wanted = self._size if most is None else min(self._size, most)
        indices: list[int] = []
        part: list[Any] = []
        for index, item in items:
            indices.append(index)
            part.append(item)
            if len(part) == wanted:
                break
        values: list[Any] = []
        before, began = self._schedule.read(), time.perf_counter_ns()
        failed = self._run(indices, part, values)
        took, after = time.perf_counter_ns() - began, self._schedule.read()
        if part:
            self.item = part[-1]
            delay = after[1] - before[1]
            self._learn(took, delay, len(part))
            self.sums.wall += took
            self.sums.cpu += after[0] - before[0]
            self.sums.delay += delay
        return Batch(indices, values, failed)

    def close(self) -> None:
        self._schedule.close()

    def _run(self, indices: Sequence[int], part: Sequence[Any], values: list[Any]) -> int:
        failed = 0
        while len(values) < len(part):
            try:
                values.extend(map(self.function, part[len(values) :]))
            except Exception as error:  # noqa: BLE001 - becomes a value, or is raised again
                k = len(values)
                values.append(failure_of(indices[k], part[k], error))
                failed += 1
        return failed

    def _learn(self, took: int, delay: int, count: int) -> None:
        sums = self.sums
        sums.done += count
        sums.busy += took
        sums.claims += 1
        sums.longest = max(sums.longest, took // count)
        # Where others have the cores, a short item can take long; workers would wait as it did.
        worked = max(0, took - delay)
        self.latest = worked / count / 1e9
        short = worked < LOOK_SECONDS * 1e9 / 2
        self.is_warm = sums.claims > 1 or not short
        if short:
            self._size *= 2


def transport_seconds(value: Any) -> tuple[float, float]:
    """Seconds to pickle this result and to read it again. Raises what pickling raises.

    The better of two tries, because the first also has to find the code.
    """
    tries = []
    for _ in range(2):
        began = time.perf_counter()
        data = pickle.dumps(value, 5)
        sent = time.perf_counter()
        pickle.loads(data)
        tries.append((sent - began, time.perf_counter() - sent))
    return min(tries)
