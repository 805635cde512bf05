"""One run of a function over items: the first ones here, the rest where it pays."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sized
from typing import Any, Generic, TypeVar

from jobflows.chunking.errors import Halted, ItemError, failure_of, raise_failure
from jobflows.chunking.options import Options
from jobflows.chunking.report import Report

T = TypeVar("T")
R = TypeVar("R")


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
        self._halted = False
        self._done = self._failed = self._skipped = 0
        self._item_seconds = self._longest = 0.0
        self._began: float | None = None
        self._ended: float | None = None

    def pairs(self) -> Iterator[tuple[int, R | ItemError]]:
        """(index, result) in order of completion."""
        self._began = time.perf_counter()
        for index, item in enumerate(self._items):
            if self._halted:
                raise Halted
            if index in self._skip:
                self._skipped += 1
                continue
            began = time.perf_counter()
            value: R | ItemError
            try:
                value = self._function(item)
            except Exception as error:  # noqa: BLE001 - becomes a value, or is raised again
                value = failure_of(index, item, error)
                self._failed += 1
            took = time.perf_counter() - began
            self._done += 1
            self._item_seconds += took
            self._longest = max(self._longest, took)
            if isinstance(value, ItemError) and self._options.errors == "raise":
                raise_failure(value)
            yield index, value
        self._ended = time.perf_counter()

    def ordered(self) -> Iterator[R | ItemError]:
        """Results in the order of the items; those that are skipped are left out."""
        for _, value in self.pairs():
            yield value

    def results(self) -> list[Any]:
        """All results in the order of the items."""
        return list(self.ordered())

    def halt(self) -> None:
        """Ask the run to end soon; may be called from a signal handler."""
        self._halted = True

    @property
    def report(self) -> Report:
        """How it stands."""
        now = self._ended or time.perf_counter()
        total = len(self._items) if isinstance(self._items, Sized) else None
        return Report(
            items=total,
            done=self._done,
            failed=self._failed,
            skipped=self._skipped,
            seconds=now - self._began if self._began is not None else 0.0,
            item_seconds=self._item_seconds,
            longest_item=self._longest,
            claims=self._done,
            claim_items=1.0,
        )
