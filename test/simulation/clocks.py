"""Clocks of operators: wrong by some seconds, or of another speed than the world's."""

from __future__ import annotations

from collections.abc import Callable

from model import Clock


class Jumpy:
    """An operator's clock: the world's, and what it is wrong by."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.wrong = 0.0

    def now(self) -> float:
        return self._clock.now() + self.wrong


def running_at(speed: float, clock: Clock) -> Callable[[], float]:
    """Seconds since now, of which `speed` pass in one of the world's."""
    began = clock.now()
    return lambda: (clock.now() - began) * speed
