"""Numbers that already live in the operator's own objects, read only when Prometheus asks.

Registered through `Metrics.watch_*`. The limiter counts for itself and pays nothing for being
measured, as do queues and informers (`sums.py`); phases are tallied here for the same reason. Rule:
a scrape runs in a thread, beside the event loop, so what changes is copied in one step
(`list(...)`) first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jobflows.cluster.limiter import Limiter
from jobflows.controller.sums import NAME


class Tally(Collector):
    """A gauge that is counted up and down and cannot go below zero."""

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, delta: int, *labels: str) -> None:
        """Count `delta` up, or down; `labels` are the values in order."""
        count = self._counts.get(labels, 0) + delta
        self._counts[labels] = count if count > 0 else 0

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in list(self._counts.items()):
            family.add_metric(labels, count)
        yield family


class LimiterCollector(Collector):
    """`jobflow_api_limiter_*`: how far the client-side limit, not the server, sets the pace."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def collect(self) -> Iterator[Metric]:
        limiter = self._limiter
        for name, text, value in (
            ("waiting", "Writes held back now.", limiter.waiting),
            ("in_flight", "Writes without an answer yet.", limiter.in_flight),
            ("rate_ratio", "Share of the rate in use; less than 1 after a 429.", limiter.factor),
        ):
            yield GaugeMetricFamily(f"jobflow_api_limiter_{name}", text, value=value)
        yield CounterMetricFamily(
            "jobflow_api_limiter_throttles", "Slow-downs after a 429.", value=limiter.throttles
        )


class CertificateCollector(Collector):
    """Only where a webhook is served: a certificate that is not there has no other sign."""

    def __init__(self, expires: Callable[[], float | None]) -> None:
        self._expires = expires

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "jobflow_webhook_certificate_expiry_timestamp_seconds",
            "When the webhook's certificate expires, in UNIX time; 0 while there is none.",
            value=self._expires() or 0.0,
        )


class Mirror(Collector):
    """A metric under a second name, with one label more: counted once, shown twice."""

    def __init__(self, source: Collector, name: str, labels: Mapping[str, str]) -> None:
        self._source = source
        self._name = name
        self._labels = labels

    def collect(self) -> Iterable[Metric]:
        for metric in self._source.collect():
            # A histogram's family has the name of its series without the suffix, a counter's too.
            twin = Metric(self._name, metric.documentation, metric.type)
            for sample in metric.samples:
                suffix = sample.name[len(metric.name) :]
                twin.add_sample(
                    self._name + suffix, sample.labels | dict(self._labels), sample.value
                )
            yield twin


def mirrors(reconciliations: Collector, errors: Collector, duration: Histogram) -> list[Mirror]:
    """controller-runtime's and client-go's names for what a reconcile counts."""
    return [
        Mirror(reconciliations, "controller_runtime_reconcile", {"controller": NAME}),
        Mirror(errors, "controller_runtime_reconcile_errors", {"controller": NAME}),
        Mirror(duration, "controller_runtime_reconcile_time_seconds", {"controller": NAME}),
        Mirror(duration, "workqueue_work_duration_seconds", {"name": NAME}),
    ]
