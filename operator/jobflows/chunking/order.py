"""In which order items are worked on: positions, which workers claim, to indices of items.

Positions count what is to be done, from 0 on. Claims are ranges of positions; so that their items
are ranges too, an order is made of a few ranges of indices, one after the other.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

SAMPLED_AT_LEAST = 64
SAMPLE = 0.06
"""Share of the items that is worked on first."""
BLOCKS = 64
"""Places at most from which it is taken."""
GOLDEN = (5**0.5 - 1) / 2


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
    """Evenly spread blocks of items first, then what lies around them.

    What is measured on the first twentieth is then true of the whole, also where items grow from
    the first to the last, and the long ones are not all left for the end.
    """

    def __init__(self, first: int, count: int) -> None:
        super().__init__(first, count)
        self._ranges = [range(first + r.start, first + r.stop) for r in sample_first(count)]
        self._ends = list(accumulate(map(len, self._ranges)))

    def indices(self, start: int, end: int) -> Sequence[int]:
        at = bisect_right(self._ends, start)
        begins = self._ends[at] - len(self._ranges[at])
        found: Sequence[int] = self._ranges[at][start - begins : end - begins]
        while self._ends[at] < end:  # goes over a border
            at += 1
            found = [*found, *self._ranges[at][: end - self._ends[at - 1]]]
        return found


def sample_first(count: int) -> Iterator[range]:
    """Ranges that cover `count` indices once: the sample, then the rest in order.

    A block lies in the middle of what it stands for, and each follows the others by the golden
    section: the blocks that are done at any moment are spread evenly, too.
    """
    blocks = max(1, min(BLOCKS, int(count * SAMPLE)))
    length = math.ceil(count * SAMPLE / blocks)
    middles = (count * (2 * block + 1) // (2 * blocks) for block in range(blocks))
    sample = [range(middle - length // 2, middle - length // 2 + length) for middle in middles]
    yield from (sample[block] for block in sorted(range(blocks), key=lambda b: b * GOLDEN % 1))
    done = 0
    for block in sample:
        if done < block.start:
            yield range(done, block.start)
        done = block.stop
    if done < count:
        yield range(done, count)


def spread(first: int, count: int) -> Order:
    """The order for items whose results may come in any order."""
    return Sampled(first, count) if count >= SAMPLED_AT_LEAST else Order(first, count)


def evenly(indices: Sequence[int]) -> Sequence[int]:
    """The same for indices that are listed."""
    if len(indices) < SAMPLED_AT_LEAST:
        return indices
    return [indices[at] for part in sample_first(len(indices)) for at in part]
