"""Wall time as the adapter sees it: handed in, so that a simulation owns it.

Durations (timeouts, backoff, rates) are measured on the event loop's own time instead.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Where wall time comes from."""

    def now(self) -> float:
        """UNIX seconds."""
        ...


class SystemClock:
    """The machine's own."""

    def now(self) -> float:
        """UNIX seconds."""
        return time.time()


def steady() -> float:
    """Seconds that pass also while this process is stopped, or the machine sleeps.

    The event loop's own time is read once a turn, and stands still while the machine sleeps.
    """
    return time.clock_gettime(_STEADY)


def micro_time(seconds: float) -> str:
    """UNIX seconds as a Kubernetes MicroTime, e.g. `2026-01-02T03:04:05.000006Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
