"""Numbers of everything that reconciles in this process, added up, when Prometheus asks.

One process may hold several shards, each with a queue, informers and limits of its own, and a shard
may come and go. Registered through `Metrics.watch_*`. Rule: what counts upwards never falls: the
counts of what has gone are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jobflows.cluster.informer import Informer, InformerStats

NAME = "jobflow"

S = TypeVar("S")


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


class Standing(Protocol):
    """What is read of the flows that are not finished: seconds, and counts, by namespace."""

    @property
    def queued(self) -> Mapping[str, int]: ...

    @property
    def waits(self) -> Mapping[tuple[str, str], float]: ...

    @property
    def unanswered(self) -> Mapping[str, float]: ...


class Sources(Collector, Generic[S]):
    """A collector of several of a kind."""

    def __init__(self) -> None:
        self._sources: list[S] = []

    def add(self, source: S) -> Callable[[], None]:
        """Show this one, too, until what is returned is called."""
        self._sources.append(source)

        def drop() -> None:
            if source in self._sources:
                self._sources.remove(source)
                self._keep(source)

        return drop

    def _keep(self, source: S) -> None:
        """Keep what a source has counted, once it is gone."""


class QueueCollector(Sources[tuple[Queue, int]]):
    """client-go's `workqueue_*` and controller-runtime's workers. `now` is the loop's time."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._adds = 0
        self._retries = 0

    def _keep(self, source: tuple[Queue, int]) -> None:
        self._adds += source[0].stats.adds
        self._retries += source[0].stats.retries

    def collect(self) -> Iterator[Metric]:
        sources, now = list(self._sources), self._now()
        queues = [queue for queue, _ in sources]
        busy = [max(0.0, now - since) for q in queues for since in list(q.working.values())]
        adds = self._adds + sum(queue.stats.adds for queue in queues)
        retries = self._retries + sum(queue.stats.retries for queue in queues)
        yield _gauge("workqueue_depth", "Flows that wait.", "name", sum(map(len, queues)))
        yield _counter("workqueue_adds", "Flows queued.", "name", adds)
        yield _counter("workqueue_retries", "Back-offs.", "name", retries)
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
            sum(workers for _, workers in sources),
        )


_COUNTS: tuple[tuple[str, str, Callable[[InformerStats], float]], ...] = (
    ("relists", "Lists after the first.", lambda s: max(0, s.lists - 1)),
    ("watches", "Watches opened.", lambda s: s.watches),
    ("events", "Events heard.", lambda s: s.events),
    ("stale_events", "Events known before.", lambda s: s.stale_events),
    ("missed_deletes", "Deletions found by a list.", lambda s: s.synthetic_deletes),
    ("errors", "Lists and watches that broke.", lambda s: s.errors),
    ("unreadable", "Objects skipped.", lambda s: s.unreadable),
)


class InformerCollector(Sources[Informer[Any]]):
    """`jobflow_informer_*` by resource: the last to be synced and the longest silence count."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._gone: Counter[tuple[str, str]] = Counter()

    def _keep(self, source: Informer[Any]) -> None:
        for name, _, of in _COUNTS:
            self._gone[name, source.resource.plural] += of(source.stats)  # type: ignore[assignment] # they are whole numbers

    def collect(self) -> Iterator[Metric]:
        now = self._now()
        groups: dict[str, list[Informer[Any]]] = {}
        for informer in list(self._sources):
            groups.setdefault(informer.resource.plural, []).append(informer)

        def level(name: str, text: str, of: Callable[[list[Informer[Any]]], float]) -> Metric:
            family = GaugeMetricFamily(f"jobflow_informer_{name}", text, labels=["resource"])
            for resource, informers in groups.items():
                value = of(informers)
                if value != float("inf"):
                    family.add_metric([resource], value)
            return family

        yield level("synced", "1 once listed.", lambda all_: all(i.synced.is_set() for i in all_))
        yield level("objects", "Objects known.", lambda all_: sum(map(len, all_)))
        yield level(
            "lag_seconds", "Silence.", lambda all_: max(i.stats.last_event_age(now) for i in all_)
        )
        for name, text, of in _COUNTS:
            family = CounterMetricFamily(f"jobflow_informer_{name}", text, labels=["resource"])
            for resource in {**groups, **{r: None for n, r in list(self._gone) if n == name}}:
                alive = sum(of(informer.stats) for informer in groups.get(resource, ()))
                family.add_metric([resource], alive + self._gone[name, resource])
            yield family


class AdmissionCollector(Sources[Admission]):
    """`zen_flow_concurrent_jobs*`: attempts alive, what they may be, and flows that wait."""

    def collect(self) -> Iterator[Metric]:
        sources = list(self._sources)
        limits = _added(one.limits() for one in sources)
        for one in sources:  # a namespace with a limit is in one shard
            limits |= {k: v for k, v in one.limits().items() if k == "namespace"}
        yield _gauges(
            "zen_flow_concurrent_jobs",
            "Attempts alive.",
            ["namespace"],
            _added(one.in_use() for one in sources),
        )
        yield _gauges(
            "zen_flow_concurrent_jobs_limit",
            "Attempts that may be alive: of all flows, or in each namespace.",
            ["scope"],
            limits,
        )
        yield _gauges(
            "zen_flow_jobflows_waiting",
            "JobFlows with steps that wait for a slot (Quota) or a lock (Lock).",
            ["namespace", "reason"],
            _added(one.waiting() for one in sources),
        )


class StandingCollector(Sources[Callable[[], Standing]]):
    """Which flows get nowhere. Each source is asked once a scrape."""

    def collect(self) -> Iterator[Metric]:
        standing = [look() for look in list(self._sources)]
        yield _gauges(
            "zen_flow_step_execution_queue_depth",
            "Steps that may run but are not started yet, limits and back-offs apart.",
            ["namespace"],
            _added(one.queued for one in standing),
        )
        yield _gauges(
            "zen_flow_jobflow_longest_wait_seconds",
            "Of JobFlows of which nothing runs: the longest time since a transition, by reason.",
            ["namespace", "reason"],
            _longest(one.waits for one in standing),
        )
        yield _gauges(
            "zen_flow_approval_longest_wait_seconds",
            "How long the step that waits longest for a person does so.",
            ["namespace"],
            _longest(one.unanswered for one in standing),
        )


K = TypeVar("K")


def _added(counts: Iterable[Mapping[K, int]]) -> dict[K, int]:
    total: dict[K, int] = {}
    for one in counts:
        for key, count in one.items():
            total[key] = total.get(key, 0) + count
    return total


def _longest(times: Iterable[Mapping[K, float]]) -> dict[K, float]:
    longest: dict[K, float] = {}
    for one in times:
        for key, seconds in one.items():
            longest[key] = max(seconds, longest.get(key, 0.0))
    return longest


def _gauges(
    name: str,
    text: str,
    labels: list[str],
    values: Mapping[str, float] | Mapping[tuple[str, str], float],
) -> Metric:
    """A value for each label, or for each pair of labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric([key] if isinstance(key, str) else list(key), value)
    return family


def _gauge(name: str, text: str, label: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    family.add_metric([NAME], value)
    return family


def _counter(name: str, text: str, label: str, value: float) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    family.add_metric([NAME], value)
    return family
