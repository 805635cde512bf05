"""One run of a function over items: the first ones here, the rest where it pays."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import closing
from typing import Any, Generic, TypeVar

from jobflows.chunking.choice import Choice, Chooser, when_waiting
from jobflows.chunking.crew import Crew
from jobflows.chunking.errors import Halted, ItemError, raise_failure
from jobflows.chunking.first import First
from jobflows.chunking.hire import Gang, hire
from jobflows.chunking.memory import MemoryWatch
from jobflows.chunking.options import Options
from jobflows.chunking.progress import Progress
from jobflows.chunking.report import Report
from jobflows.chunking.source import Source
from jobflows.chunking.supply import Batch

T = TypeVar("T")
R = TypeVar("R")

TURN = 0.02
"""Seconds after which a crew is looked at, if nothing comes."""
GRACE = 0.8
"""Seconds that workers have to send what they have, once a run is halted."""
LOOKED_AT = 20_000_000
"""Nanoseconds of work after which it is clear whether it is waiting."""


class MapRun(Generic[T, R]):
    """`function` over `items`, once. Read `pairs`, `ordered` or `results`, and only one of them.

    `skip` are indices of items that are done already. `report` may be read at any moment.
    """

    def __init__(
        self,
        function: Callable[[T], R],
        items: Iterable[T],
        options: Options = Options(),  # noqa: B008 - frozen
        *,
        skip: Collection[int] = (),
    ) -> None:
        self._function = function
        self._items = items
        self._options = options
        self._skip = frozenset(skip)
        self._progress = Progress()
        self._memory = MemoryWatch(options.max_memory)
        self._halted = False
        self._consumed = 0
        self._until: float | None = None

    def pairs(self) -> Iterator[tuple[int, R | ItemError]]:
        """(index, result) in order of completion."""
        for batch in self._batches(self._source(in_order=self._options.window is not None)):
            for pair in zip(batch.indices, batch.values, strict=True):
                self._consumed += 1
                yield pair

    def ordered(self) -> Iterator[R | ItemError]:
        """Results in the order of the items; those that are skipped are left out."""
        waiting: dict[int, Any] = {}
        source = self._source(in_order=True)
        expected = source.expected()
        upcoming = next(expected, None)
        for batch in self._batches(source):
            waiting.update(zip(batch.indices, batch.values, strict=True))
            while upcoming in waiting:
                self._consumed += 1
                yield waiting.pop(upcoming)
                upcoming = next(expected, None)

    def results(self) -> list[Any]:
        """All results in the order of the items; those that are skipped are left out."""
        source = self._source(in_order=False)
        if source.total is None or source.skipped:
            found: dict[int, Any] = {}
            for batch in self._batches(source):
                found.update(zip(batch.indices, batch.values, strict=True))
                self._consumed += len(batch.values)
            return [found[index] for index in sorted(found)]
        values: list[Any] = [None] * source.total
        for batch in self._batches(source):
            self._consumed += len(batch.values)
            indices = batch.indices
            if isinstance(indices, range) and indices:
                values[indices[0] : indices[-1] + 1 : indices.step] = batch.values
            else:
                for index, value in zip(indices, batch.values, strict=True):
                    values[index] = value
        return values

    def halt(self) -> None:
        """Ask the run to end soon; may be called from a signal handler.

        What is done is still delivered, within a second; then the iteration raises `Halted`.
        """
        self._halted = True

    @property
    def report(self) -> Report:
        """How it stands."""
        return self._progress.report()

    # how it goes -------------------------------------------------------------------------------

    def _source(self, *, in_order: bool) -> Source:
        return Source(self._items, self._skip, self._options.cost, in_order=in_order)

    def _batches(self, source: Source) -> Iterator[Batch]:
        progress = self._progress
        progress.begin(source)
        try:
            chooser = Chooser(self._options, source)
            choice = chooser.at_once()
            if choice is None:
                with closing(First(self._function)) as first:
                    try:
                        choice = yield from self._here(first, source, chooser)
                    finally:
                        progress.settle(first)
            while choice is not None:
                choice = yield from self._by(choice, source, chooser)
            if source.error is not None:
                raise source.error
        finally:
            progress.end()

    def _here(
        self, first: First, source: Source, chooser: Chooser
    ) -> Generator[Batch, None, Choice | None]:
        """Work in the calling process, until workers pay; returns which."""
        while True:
            batch = first.block(source.items, self._options.window)
            if not batch.indices:
                if chooser.stays:
                    self._progress.reasons.append(chooser.stays)
                return None
            yield self._checked(batch)
            self._progress.working(first.sums, 1)
            if self._halted:
                raise Halted
            choice = chooser.after(first, batch)
            if choice is not None:
                return choice

    def _by(
        self, choice: Choice, source: Source, chooser: Chooser
    ) -> Generator[Batch, None, Choice | None]:
        """Have a crew work; returns by which one to go on, if this was not the right one."""
        progress, before = self._progress, self._progress.done
        limit = self._limit(before)
        gang, left = hire(self._function, source, self._options, choice, limit=limit)
        progress.reasons.append(choice.reason)
        following: Choice | None = None
        try:
            with closing(gang):
                gang.start()
                progress.by(choice, gang)  # some may have gone when it is next looked at
                while not gang.is_over:
                    for batch in gang.gather(TURN):
                        yield self._checked(batch)
                        if self._halted:
                            gang.halt()
                    if self._halted and self._wind_down(gang):
                        break
                    if (limit := self._limit(before)) is not None:
                        gang.allow(limit)
                    if progress.is_due:
                        progress.by(choice, gang)
                        following = following or self._mind(gang, choice, chooser)
        finally:
            progress.by(choice, gang)
            progress.settle(gang)
        if self._halted:
            raise Halted
        if following is not None:
            source.items = left()
        return following

    def _mind(self, crew: Gang, choice: Choice, chooser: Chooser) -> Choice | None:
        """Let workers go when memory is tight; all, if they wait and threads would do better."""
        if self._memory.is_tight(crew.pids) and isinstance(crew, Crew) and crew.wanted > 1:
            crew.retire(1)
            self._progress.reasons.append("a worker fewer: memory is tight")
        self._progress.peak_memory = self._memory.peak
        if not isinstance(crew, Crew):
            return None
        sums = crew.sums
        if choice.kind != "process" or self._options.executor != "auto" or sums.wall < LOOKED_AT:
            return None
        if not chooser.waits(sums.waiting_share):
            return None
        following = when_waiting(self._options, sums.waiting_share)
        if following is not None:
            crew.retire(crew.wanted)
        return following

    def _wind_down(self, gang: Gang) -> bool:
        """Have it end; whether it had its time to."""
        gang.halt()
        now = time.monotonic()
        self._until = self._until or now + GRACE
        return now >= self._until

    def _limit(self, before: int) -> int | None:
        """Items that a crew may take which came after so many were delivered."""
        window = self._options.window
        return None if window is None else max(1, self._consumed + window - before)

    def _checked(self, batch: Batch) -> Batch:
        """Count it; raise the first failure in it if that is what failures are for."""
        self._progress.add(batch)
        if batch.failed and self._options.errors == "raise":
            raise_failure(next(v for v in batch.values if type(v) is ItemError))
        return batch
