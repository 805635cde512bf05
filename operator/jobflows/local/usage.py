"""What processes have used, and whether it was more than they may."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """`peak_memory` is in bytes, of all processes together; None when nobody measured it."""

    peak_memory: int | None = None
    cpu_seconds: float = 0.0

    def beside(self, other: Usage) -> Usage:
        """Both of processes that ran at the same time, or may have."""
        return Usage(
            _either(self.peak_memory, other.peak_memory, at_once=True),
            self.cpu_seconds + other.cpu_seconds,
        )

    def after(self, other: Usage) -> Usage:
        """Both of processes that ran one after the other."""
        return Usage(
            _either(self.peak_memory, other.peak_memory, at_once=False),
            self.cpu_seconds + other.cpu_seconds,
        )


NOTHING = Usage()


def _either(one: int | None, other: int | None, *, at_once: bool) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return one + other if at_once else max(one, other)
