"""Percentiles of samples, some of which are only known to be larger than a value.

A task that ran out of memory and never succeeded needed more than its limit, nobody knows how much
more. To leave it out would make its kind look small; to count the limit as its need, too. So
percentiles come from the product-limit estimate (Kaplan and Meier), in which such a sample counts
for as long as it was seen and then no more. A percentile that lies beyond all that was seen is
unknown.

How sure a percentile is says an interval of order statistics, which asks nothing about how the
values are distributed: how many of n values lie below a percentile is binomial.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

POINTS = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Samples:
    """Values that were measured, and values that the truth is above of."""

    seen: tuple[float, ...] = ()
    cut: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.seen) + len(self.cut)

    @property
    def largest(self) -> float | None:
        """The largest value that was measured."""
        return max(self.seen, default=None)

    def percentile(self, point: float) -> float | None:
        """The smallest measured value that `point` percent do not exceed; None when unknown."""
        allowed = 1.0 - point / 100 + 1e-9
        for value, share in self._above():
            if share <= allowed:
                return value
        return None

    def interval(self, point: float, confidence: float = 0.95) -> tuple[float | None, float | None]:
        """Where the percentile of all tasks is with `confidence`, by the binomial distribution.

        An end is None when it lies beyond what was measured: few values say little of the 99th.
        """
        low, high = _ranks(len(self), point / 100, 1.0 - confidence)
        at_least = sorted((*self.seen, *self.cut))  # what was cut is at least that large
        at_most = sorted(self.seen)  # and may be as large as it likes
        return (
            at_least[low - 1] if low >= 1 else None,
            at_most[high - 1] if high <= len(at_most) else None,
        )

    @property
    def percentiles(self) -> dict[str, float | None]:
        """Those that are shown everywhere, as `p50`."""
        return {f"p{point}": self.percentile(point) for point in POINTS}

    @property
    def intervals(self) -> dict[str, tuple[float | None, float | None]]:
        """Where each of those is with 95 % confidence."""
        return {f"p{point}": self.interval(point) for point in POINTS}

    def share_above(self, limit: float) -> float | None:
        """The part of all that exceeds a limit; None when that is not known."""
        share = 1.0
        for value, above in self._above():
            if value > limit:
                return share
            share = above
        is_known = share <= 1e-9 or limit <= max(self.cut, default=limit)
        return share if is_known else None

    def _above(self) -> Sequence[tuple[float, float]]:
        """Measured values, ascending, each with the part of all that is above it."""
        left, share = len(self), 1.0
        found: list[tuple[float, float]] = []
        # Of equal values, what was measured comes before what was cut there.
        marks = sorted([*((v, 0) for v in self.seen), *((v, 1) for v in self.cut)])
        for value, was_cut in marks:
            if not was_cut:
                share *= (left - 1) / left
                if found and found[-1][0] == value:
                    found.pop()
                found.append((value, share))
            left -= 1
        return found


def _ranks(n: int, share: float, doubt: float) -> tuple[int, int]:
    """Ranks between which a percentile lies; 0 and n + 1 are beyond all values."""
    low, high, below = 0, n + 1, 0.0
    for rank, chance in enumerate(_binomial(n, share), start=1):
        below += chance  # that fewer than `rank` values are below the percentile
        if below <= doubt / 2:
            low = rank
        if below >= 1 - doubt / 2:
            high = rank
            break
    return low, high


def _binomial(n: int, share: float) -> Iterator[float]:
    """The chances that 0, 1, … of n values are below."""
    if not 0 < share < 1:
        yield from (1.0 if (k == 0) == (share <= 0) else 0.0 for k in (0, n))
        return
    yes, no, whole = math.log(share), math.log1p(-share), math.lgamma(n + 1)
    for k in range(n + 1):
        ways = whole - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        yield math.exp(ways + k * yes + (n - k) * no)


NONE = Samples()
