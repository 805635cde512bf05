"""Numbers that already live in the operator's own objects, read only when Prometheus asks.

Registered through `Metrics.watch_*`. The queue, the informers and the limiter count for themselves
and pay nothing for being measured; phases are tallied here for the same reason. Rule: a scrape runs
in a thread, beside the event loop, so what changes is copied in one step (`list(...)`) first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jobflows.cluster.informer import Informer
from jobflows.cluster.limiter import Limiter

NAME = "jobflow"


class QueueCounters(Protocol):
    """What the queue counts."""

    adds: int
    retries: int


class Queue(Protocol):
    """What is read of the work queue."""

    @property
    def stats(self) -> QueueCounters: ...

    @property
    def working(self) -> Mapping[str, float]: ...

    def __len__(self) -> int: ...


class Admission(Protocol):
    """What is read of the limits that flows share; counts by namespace, limits by their scope."""

    def in_use(self) -> Mapping[str, int]: ...

    def limits(self) -> Mapping[str, int]: ...

    def waiting(self) -> Mapping[tuple[str, str], int]: ...


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


class QueueCollector(Collector):
    """client-go's `workqueue_*` and controller-runtime's workers. `now` is the loop's time."""

    def __init__(self, queue: Queue, workers: int, now: Callable[[], float]) -> None:
        self._queue = queue
        self._workers = workers
        self._now = now

    def collect(self) -> Iterator[Metric]:
        queue, now = self._queue, self._now()
        busy = [max(0.0, now - since) for since in list(queue.working.values())]
        yield _gauge("workqueue_depth", "Flows that wait.", "name", len(queue))
        yield _counter("workqueue_adds", "Flows queued.", "name", queue.stats.adds)
        yield _counter("workqueue_retries", "Back-offs.", "name", queue.stats.retries)
        yield _gauge("workqueue_unfinished_work_seconds", "Age of all work.", "name", sum(busy))
        yield _gauge(
            "workqueue_longest_running_processor_seconds",
            "Age of the oldest work.",
            "name",
            max(busy, default=0.0),
        )
        yield _gauge(
            "controller_runtime_active_workers", "Workers at work.", "controller", len(busy)
        )
        yield _gauge(
            "controller_runtime_max_concurrent_reconciles",
            "Workers.",
            "controller",
            self._workers,
        )


class InformerCollector(Collector):
    """`jobflow_informer_*` by resource."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._informers: dict[str, Informer[Any]] = {}

    def add(self, informer: Informer[Any]) -> None:
        """Take an informer in; a second one of the same resource replaces the first."""
        self._informers[informer.resource.plural] = informer

    def collect(self) -> Iterator[Metric]:
        def each(kind: type[Metric], name: str, text: str, of: Callable[[Any], float]) -> Metric:
            family = kind(f"jobflow_informer_{name}", text, labels=["resource"])  # type: ignore[call-arg] # the families' own signature
            for resource, informer in list(self._informers.items()):
                value = of(informer)
                if value != float("inf"):
                    family.add_metric([resource], value)  # type: ignore[attr-defined] # as above
            return family

        now = self._now()
        count, level = CounterMetricFamily, GaugeMetricFamily
        yield each(level, "synced", "1 once listed.", lambda i: i.synced.is_set())
        yield each(level, "objects", "Objects known.", len)
        yield each(level, "lag_seconds", "Silence.", lambda i: i.stats.last_event_age(now))
        yield each(count, "relists", "Lists after the first.", lambda i: max(0, i.stats.lists - 1))
        yield each(count, "watches", "Watches opened.", lambda i: i.stats.watches)
        yield each(count, "events", "Events heard.", lambda i: i.stats.events)
        yield each(count, "stale_events", "Events known before.", lambda i: i.stats.stale_events)
        yield each(
            count,
            "missed_deletes",
            "Deletions found by a list.",
            lambda i: i.stats.synthetic_deletes,
        )
        yield each(count, "errors", "Lists and watches that broke.", lambda i: i.stats.errors)
        yield each(count, "unreadable", "Objects skipped.", lambda i: i.stats.unreadable)


class AdmissionCollector(Collector):
    """`zen_flow_concurrent_jobs*`: attempts alive, what they may be, and flows that wait."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def collect(self) -> Iterator[Metric]:
        alive = GaugeMetricFamily(
            "zen_flow_concurrent_jobs", "Attempts alive.", labels=["namespace"]
        )
        for namespace, count in self._admission.in_use().items():
            alive.add_metric([namespace], count)
        yield alive
        limit = GaugeMetricFamily(
            "zen_flow_concurrent_jobs_limit",
            "Attempts that may be alive: of all flows, or in each namespace.",
            labels=["scope"],
        )
        for scope, count in self._admission.limits().items():
            limit.add_metric([scope], count)
        yield limit
        waiting = GaugeMetricFamily(
            "zen_flow_jobflows_waiting",
            "JobFlows with steps that wait for a slot (Quota) or a lock (Lock).",
            labels=["namespace", "reason"],
        )
        for key, count in self._admission.waiting().items():
            waiting.add_metric(list(key), count)
        yield waiting


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


def _gauge(name: str, text: str, label: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    family.add_metric([NAME], value)
    return family


def _counter(name: str, text: str, label: str, value: float) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    family.add_metric([NAME], value)
    return family
