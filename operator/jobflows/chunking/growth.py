"""How many items that wait are worked on at once: more, for as long as that helps."""

from __future__ import annotations

FIRST = 32
MOST = 128
BETTER = 1.2
"""Doubling the threads has to bring at least this much more."""
SHORTEST = 0.002
"""Seconds between two looks at the least."""


class Growth:
    """Told of what was done, it says how many should be at work. Times are in seconds."""

    def __init__(self, most: int | None, now: float) -> None:
        self.wanted = min(FIRST, most or MOST)
        self._most = most or MOST
        self._looked = now
        self._done = 0
        self._rate = 0.0
        self._settled = False

    def look(self, now: float, done: int, mean: float) -> int:
        """How many from now on; `mean` is how long an item takes."""
        passed = now - self._looked
        if self._settled or not mean or passed < max(SHORTEST, 1.2 * mean):
            return self.wanted
        rate = (done - self._done) / passed
        if rate < BETTER * self._rate or self.wanted >= self._most:
            self._settled = True
            return self.wanted
        self._looked, self._done, self._rate = now, done, rate
        self.wanted = min(self._most, 2 * self.wanted)
        return self.wanted
