"""What the recorder tells Prometheus about itself."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class RecorderMetrics:
    """`now` is the time of day in seconds."""

    def __init__(self, registry: CollectorRegistry, now: Callable[[], float]) -> None:
        self.registry = registry
        self._now = now
        self._since: float | None = None
        Gauge(
            "jobflow_recorder_lag_seconds",
            "How long the oldest news that is not in the archive has been waiting.",
            registry=registry,
        ).set_function(self.lag)
        self._attempts = Counter(
            "jobflow_recorder_attempts_written_total",
            "Attempts written to the archive, each as often as something of it was news.",
            registry=registry,
        )
        self._failures = Counter(
            "jobflow_recorder_write_failures_total",
            "Writes that the database did not take; they are tried again.",
            registry=registry,
        )

    def lag(self) -> float:
        """Seconds; 0 when all is written."""
        return 0.0 if self._since is None else max(0.0, self._now() - self._since)

    def behind(self, since: float) -> None:
        """There is something to write since then."""
        if self._since is None:
            self._since = since

    def caught_up(self) -> None:
        """All is written."""
        self._since = None

    def written(self, attempts: int) -> None:
        """So many attempts were written."""
        self._attempts.inc(attempts)

    def failed(self) -> None:
        """The database did not take a write."""
        self._failures.inc()
