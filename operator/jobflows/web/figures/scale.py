"""From values to places along an axis, with marks at round numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds between two marks that people find round."""

BINARY = tuple(1 << power for power in range(10, 60))


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear axis from `low` at `start` to `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        at = self.start + (value - self.low) / span * (self.end - self.start)
        return round(at, 1)

    def marks(self, most: int = 6) -> list[float]:
        """Round values within the axis."""
        return self._every(_round_step((self.high - self.low) / most))

    def time_marks(self, most: int = 6) -> list[float]:
        """The same for seconds since `low`."""
        wanted = (self.high - self.low) / most
        step: float = next((s for s in TIMES if s >= wanted), 0)
        if wanted < TIMES[0]:
            step = _round_step(wanted)
        return self._every(step or math.ceil(wanted / TIMES[-1]) * TIMES[-1], since=self.low)

    def size_marks(self, most: int = 6) -> list[float]:
        """The same for bytes: powers of two, times few."""
        wanted = (self.high - self.low) / most
        step = next((float(s) for s in BINARY if s >= wanted), float(BINARY[-1]))
        return self._every(step)

    def _every(self, step: float, since: float = 0.0) -> list[float]:
        if step <= 0:
            return [self.low]
        slack = 1e-9 * (self.high - self.low) / step  # a mark on an end is within, however rounded
        first = math.ceil((self.low - since) / step - slack)
        last = math.floor((self.high - since) / step + slack)
        return [since + number * step for number in range(first, last + 1)]


def _round_step(wanted: float) -> float:
    if wanted <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(power * step for step in STEPS if power * step >= wanted * 0.999)
