"""The items as they are given, in the order in which they are worked on.

They are either a sequence, of which every item can be had by its index, or something to read once.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from jobflows.chunking.order import Listed, Order, evenly, spread
from jobflows.chunking.supply import Indexed


class Source:
    """Items without those to `skip`; the dearest first if there is a `cost`.

    With `in_order` they are worked on as they come, otherwise in an order that tells early what the
    whole is like.
    """

    def __init__(
        self,
        items: Iterable[Any],
        skip: Collection[int],
        cost: Callable[[Any], float] | None,
        *,
        in_order: bool,
    ) -> None:
        self.sequence = _as_sequence(items)
        self.taken = 0
        self.skipped = 0
        self._skip = skip
        self._in_order = in_order
        self._listed: Sequence[int] | None = None
        self.error: Exception | None = None
        """What the iterator raised: to be raised when what came before it is done."""
        self.total: int | None = None
        """Items in all, with the skipped ones; None until that is known."""
        if self.sequence is None:
            self.items = self._read(iter(items))
            return
        self.total = len(self.sequence)
        if skip or cost:
            listed: Sequence[int] = [index for index in range(self.total) if index not in skip]
            self.skipped = self.total - len(listed)
            if cost is not None and not in_order:
                costs = [cost(item) for item in self.sequence]
                listed = sorted(listed, key=costs.__getitem__, reverse=True)
            elif not in_order:
                listed = evenly(listed)
            self._listed = listed
        self.items = self._pick(self.sequence)

    @property
    def left(self) -> int | None:
        """Items that were not taken; None if that is not known."""
        return None if self.total is None else self.total - self.skipped - self.taken

    def order(self) -> Order:
        """For what is left of a sequence."""
        assert self.left is not None
        if self._listed is not None:
            return Listed(self._listed[self.taken :])
        if self._in_order:
            return Order(self.taken, self.left)
        return spread(self.taken, self.left)

    def expected(self) -> Iterator[int]:
        """Indices in the order of the items."""
        indices = count() if self.total is None else range(self.total)
        return (index for index in indices if index not in self._skip)

    def _pick(self, sequence: Sequence[Any]) -> Iterator[Indexed]:
        for index in self._listed if self._listed is not None else range(len(sequence)):
            self.taken += 1
            yield index, sequence[index]

    def _read(self, items: Iterator[Any]) -> Iterator[Indexed]:
        index = -1
        try:
            for index, item in enumerate(items):
                if index in self._skip:
                    self.skipped += 1
                    continue
                self.taken += 1
                yield index, item
        except Exception as error:  # noqa: BLE001 - raised again when the rest is done
            self.error = error
        self.total = index + 1


def _as_sequence(items: Iterable[Any]) -> Sequence[Any] | None:
    """The items by position, or None if their number is not known.

    What has a length but no positions (a set, a dict, a data frame) is copied into a list.
    """
    sized = hasattr(items, "__len__")
    if sized and (isinstance(items, Sequence | array) or type(items).__module__ == "numpy"):
        return items  # type: ignore[return-value] # an array has what is used of a sequence
    return list(items) if sized else None
