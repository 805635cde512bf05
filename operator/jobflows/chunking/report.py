"""What a run tells of itself, while it goes on and when it is over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """One look at a run. Times are in seconds, memory is in bytes; 0 is not known."""

    items: int | None = None
    """How many there are; None while an input of unknown length is still read."""
    done: int = 0
    """Items with a result or an error, without the skipped."""
    failed: int = 0
    skipped: int = 0
    """Items that were done already, by an earlier run."""
    workers: int = 1
    """The most that worked at once."""
    executor: str = "serial"
    start_method: str = ""
    claims: int = 0
    claim_items: float = 0.0
    """Mean items of a claim."""
    seconds: float = 0.0
    """Wall time since the run began."""
    item_seconds: float = 0.0
    """Time spent in the function, of all workers."""
    longest_item: float = 0.0
    cpu_seconds: float = 0.0
    waiting_share: float | None = None
    """Share of its time that an item would wait, if there were a core whenever it wanted one."""
    predicted_seconds: float | None = None
    """Wall time of the whole run, as estimated when a twentieth of the items was done."""
    predicted_low: float | None = None
    predicted_high: float | None = None
    predicted_speedup: float | None = None
    peak_memory: int = 0
    """Bytes of the calling process and all workers, at their highest."""
    deaths: int = 0
    """Workers that died while they worked."""
    reasons: tuple[str, ...] = ()
    """Why this executor and this many workers."""

    @property
    def speedup(self) -> float:
        """Time in the function over wall time."""
        return self.item_seconds / self.seconds if self.seconds > 0 else 1.0

    @property
    def efficiency(self) -> float:
        """Speedup a worker; 1 is perfect."""
        return self.speedup / max(1, self.workers)
