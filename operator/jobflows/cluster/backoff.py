"""How long to wait before the next try: exponential, with full jitter.

Used by the client between attempts of one call and by the informer between broken watches. Full
jitter spreads clients that failed together; the random source is handed in.
"""

from __future__ import annotations

import random


class Backoff:
    """Delays in seconds, uniform in [0, min(cap, base * 2**failures))."""

    __slots__ = ("_base", "_cap", "_failures", "_rng")

    def __init__(self, rng: random.Random, *, base: float, cap: float) -> None:
        self._rng = rng
        self._base = base
        self._cap = cap
        self._failures = 0

    @property
    def failures(self) -> int:
        """How many delays were given since the last reset."""
        return self._failures

    def next(self, at_least: float = 0.0) -> float:
        """The next delay; `at_least` is what a server asked for, jitter comes on top of it."""
        ceiling = min(self._cap, self._base * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return at_least + self._rng.uniform(0.0, ceiling)

    def reset(self) -> None:
        """Call after success."""
        self._failures = 0
