"""Sets of task indexes, small in memory and quick to combine.

An array of 100,000 tasks is one integer of 100,000 bits: union, difference and count take
microseconds. As text they are the ranges that Kubernetes writes for Indexed Jobs: `0-4,7,9-12`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_RUN = re.compile("1+")

MOST = 1_000_000
"""Ten times the tasks of the largest array; what is beyond was not written by us."""


@dataclass(frozen=True, slots=True)
class IndexSet:
    """An immutable set of indexes; bit i of `bits` is set when i is in it."""

    bits: int = 0

    @classmethod
    def of(cls, indexes: Iterable[int]) -> IndexSet:
        """The set of `indexes`."""
        bits = 0
        for index in indexes:
            bits |= 1 << index
        return cls(bits)

    @classmethod
    def span(cls, start: int, stop: int) -> IndexSet:
        """All indexes from `start` to before `stop`."""
        return cls(((1 << max(0, stop - start)) - 1) << start)

    @classmethod
    def parse(cls, text: str) -> IndexSet:
        """Read ranges as Kubernetes writes them, in ascending order; ValueError for others.

        Nobody's text makes it take more memory than a set of `MOST`.
        """
        parts: list[str] = []
        length = 0
        for part in text.split(",") if text else ():
            first, _, last = part.partition("-")
            start, stop = int(first), int(last or first) + 1
            if not length <= start < stop <= MOST:
                raise ValueError(f"'{text[:80]}' is not a list of ascending ranges")
            parts.append("0" * (start - length) + "1" * (stop - start))
            length = stop
        return cls(int("".join(parts)[::-1], 2)) if parts else EMPTY

    def __or__(self, other: IndexSet) -> IndexSet:
        return IndexSet(self.bits | other.bits)

    def __and__(self, other: IndexSet) -> IndexSet:
        return IndexSet(self.bits & other.bits)

    def __sub__(self, other: IndexSet) -> IndexSet:
        return IndexSet(self.bits & ~other.bits)

    def __len__(self) -> int:
        return self.bits.bit_count()

    def __bool__(self) -> bool:
        return self.bits != 0

    def __contains__(self, index: int) -> bool:
        return bool(self.bits >> index & 1)

    def __iter__(self) -> Iterator[int]:
        for start, stop in self.runs():
            yield from range(start, stop)

    def __str__(self) -> str:
        return ",".join(_range(start, stop) for start, stop in self.runs())

    def short(self, most: int) -> str:
        """The ranges for people, as many as fit into about `most` characters: `0-4,7,…`."""
        text = ""
        for start, stop in self.runs():
            text += f",{_range(start, stop)}"
            if len(text) > most + 1:
                return f"{text[1 : most + 1].rpartition(',')[0]},…"
        return text[1:]

    def runs(self) -> Iterator[tuple[int, int]]:
        """The runs of neighbours, as (first, last + 1), ascending."""
        if not self.bits & (self.bits + 1):  # from 0 on without a gap, as most are
            if self.bits:
                yield 0, self.bits.bit_length()
            return
        for match in _RUN.finditer(bin(self.bits)[:1:-1]):
            yield match.span()

    def first(self, count: int) -> IndexSet:
        """The `count` lowest indexes, or all when there are fewer."""
        if count >= len(self):
            return self
        bits, left = 0, max(0, count)
        for start, stop in self.runs():
            stop = min(stop, start + left)  # noqa: PLW2901 - the run, as far as it is wanted
            bits |= ((1 << (stop - start)) - 1) << start
            left -= stop - start
            if not left:
                break
        return IndexSet(bits)

    def at(self, positions: IndexSet) -> IndexSet:
        """The members at `positions`, counted from the lowest member; what lies beyond is left out.

        A batch of tasks is numbered from 0 by Kubernetes; this leads back to the tasks.
        """
        bits, offset = 0, 0
        for start, stop in self.runs():
            size = stop - start
            bits |= (positions.bits >> offset & ((1 << size) - 1)) << start
            offset += size
        return IndexSet(bits)


def _range(start: int, stop: int) -> str:
    return str(start) if stop == start + 1 else f"{start}-{stop - 1}"


EMPTY = IndexSet()


def union(sets: Iterable[IndexSet]) -> IndexSet:
    """The union of any number of sets."""
    bits = 0
    for one in sets:
        bits |= one.bits
    return IndexSet(bits)
