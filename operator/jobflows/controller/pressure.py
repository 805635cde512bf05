"""How busy the API server is, told from how long it takes to answer our writes.

Statuses are for people, Jobs are the work. On a quick API server a status is fresh within the batch
period; on a slow one the statuses stand back, so that they do not take from the work what they
report on. Peers write a status for every transition whatever the load, and pay for it with a
control plane at its limits.
"""

from __future__ import annotations

QUICK = 0.01
"""Seconds: an API server that answers writes this fast is not under pressure."""
LONGEST = 15.0
"""Seconds: no status of a flow that changes is older than this."""
WEIGHT = 0.1
"""Share of the newest answer in the running mean."""

_WRITES = frozenset({"create", "patch", "delete"})


class Pressure:
    """A running mean of write latencies."""

    def __init__(self) -> None:
        self.latency = 0.0

    def note(self, operation: str, seconds: float) -> None:
        """Take in the duration of one call."""
        if operation in _WRITES:
            self.latency += WEIGHT * (seconds - self.latency)

    def stretch(self, period: float) -> float:
        """The batch period under the present pressure: it grows with the cube of the latency."""
        factor = max(1.0, self.latency / QUICK) ** 3
        return max(period, min(LONGEST, period * factor))
