"""Wall time as the adapter sees it: handed in, so that a simulation owns it.

Durations (timeouts, backoff, rates) are measured on the event loop's own time instead.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where wall time comes from."""

    def now(self) -> float:
        """UNIX seconds."""
        ...


def micro_time(seconds: float) -> str:
    """UNIX seconds as a Kubernetes MicroTime, e.g. `2026-01-02T03:04:05.000006Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
