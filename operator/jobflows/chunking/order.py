"""In which order items are worked on: positions, which workers claim, to indices of items."""

from __future__ import annotations

from collections.abc import Sequence

SAMPLED_AT_LEAST = 64
SAMPLE = 20
"""One item in so many is worked on first."""


class Order:
    """As they come."""

    def __init__(self, first: int, count: int) -> None:
        self._first = first
        self.count = count

    def indices(self, start: int, end: int) -> Sequence[int]:
        """Those of positions from `start` up to `end`."""
        return range(self._first + start, self._first + end)

    def index(self, position: int) -> int:
        """That of one position."""
        return self.indices(position, position + 1)[0]


class Listed(Order):
    """As a list says: some left out, or the dearest first."""

    def __init__(self, indices: Sequence[int]) -> None:
        super().__init__(0, len(indices))
        self._listed = indices

    def indices(self, start: int, end: int) -> Sequence[int]:
        return self._listed[start:end]


class Sampled(Order):
    """Evenly spread items first, then the others as they come.

    What is measured on the first twentieth is then true of the whole, also where items grow from
    the first to the last, and the long ones are not all left for the end.
    """

    def __init__(self, first: int, count: int) -> None:
        super().__init__(first, count)
        self._sample = -(-count // SAMPLE)

    def indices(self, start: int, end: int) -> Sequence[int]:
        first, sample = self._first, self._sample
        if end <= sample:
            return range(first + start * SAMPLE, first + end * SAMPLE, SAMPLE)
        if start >= sample:
            per = SAMPLE - 1
            rest = range(start - sample, end - sample)
            return [first + at + at // per + 1 for at in rest]
        return [*self.indices(start, sample), *self.indices(sample, end)]


def spread(first: int, count: int) -> Order:
    """The order for items whose results may come in any order."""
    return Sampled(first, count) if count >= SAMPLED_AT_LEAST else Order(first, count)


def evenly(indices: Sequence[int]) -> Sequence[int]:
    """The same for indices that are listed."""
    if len(indices) < SAMPLED_AT_LEAST:
        return indices
    return [*indices[::SAMPLE], *(index for at, index in enumerate(indices) if at % SAMPLE)]
