"""What happened, in the operator's words; how Prometheus calls it is settled in `instruments.py`.

One `Metrics` per process, handed to the operator, which calls it on its hot path: a call costs a
microsecond or two, because the series of each combination of labels is looked up once and kept.
Rules:
- the gauges of phases are counted from transitions, never fall below zero, and start from what the
  operator finds, so that a restart shows the same numbers;
- a flow or step that is merely seen for the first time has made no transition.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from jobflows import __version__
from jobflows.cluster.informer import Informer
from jobflows.cluster.limiter import Limiter
from jobflows.controller.instruments import Instruments
from jobflows.controller.scrape import CertificateCollector, LimiterCollector, mirrors
from jobflows.controller.sums import (
    NAME,
    Admission,
    AdmissionCollector,
    InformerCollector,
    Queue,
    QueueCollector,
    Standing,
    StandingCollector,
)
from jobflows.engine.mapping import Measured
from jobflows.manifests.stages import Stages

M = TypeVar("M", Counter, Gauge, Histogram)

Stop = Callable[[], None]
"""Ends the showing of something; what it has counted stays counted."""

StepResult = Literal["success", "failure", "timeout"]
ReconcileResult = Literal["success", "error", "requeue", "requeue_after"]
TimeoutKind = Literal["step_timeout", "jobflow_timeout"]


class _Series(Generic[M]):
    """The series of a metric by its label values, each resolved once."""

    __slots__ = ("_known", "_metric")

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._known: dict[tuple[str, ...], M] = {}

    def __call__(self, *labels: str) -> M:
        series = self._known.get(labels)
        if series is None:
            series = self._known[labels] = self._metric.labels(*labels)
        return series


class Metrics:
    """Durations are seconds. `namespace` is the flow's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        made = Instruments(registry)
        self.registry = registry
        self._flows = made.flows
        self._flow_transitions = _Series(made.flow_transitions)
        self._steps = made.steps
        self._step_transitions = _Series(made.step_transitions)
        self._step_duration = _Series(made.step_duration)
        self._step_stages = _Series(made.step_stages)
        self._step_errors = _Series(made.step_errors)
        self._step_retries = _Series(made.step_retries)
        self._retry_backoff = _Series(made.retry_backoff)
        self._approvals_pending = made.approvals_pending
        self._approval_latency = _Series(made.approval_latency)
        self._map_items = _Series(made.map_items)
        self._map_efficiency = _Series(made.map_efficiency)
        self._map_accuracy = _Series(made.map_accuracy)
        self._map_deaths = _Series(made.map_deaths)
        self._timeouts = _Series(made.timeouts)
        self._reconciliations = _Series(made.reconciliations)
        self._reconciliation_errors = _Series(made.reconciliation_errors)
        self._reconciliation_duration = made.reconciliation_duration
        self._dag_computation = made.dag_computation
        self._dag_cache_requests = made.dag_cache_requests
        self._dag_cache_hits = made.dag_cache_hits
        self._status_updates = _Series(made.status_updates)
        self._status_duration = made.status_duration
        self._api_calls: dict[tuple[str, str, str], tuple[Counter, Histogram | None]] = {}
        self._api_call_counts = made.api_calls
        self._api_call_duration = made.api_call_duration
        self._queue_waited = made.queue_waited.labels(NAME)
        self._event_loop_lag = made.event_loop_lag
        self._admission_reviews = _Series(made.admission_reviews)
        self._admission_duration = _Series(made.admission_duration)
        self._queues: QueueCollector | None = None
        self._informers: InformerCollector | None = None
        self._admissions: AdmissionCollector | None = None
        self._standings: StandingCollector | None = None
        self._shards = made.shards
        self._leader = _Series(made.leader)
        self._takeovers = _Series(made.takeovers)
        made.build_info.labels(__version__, platform.python_version()).set(1)
        for result in ("success", "error"):  # so that the first error is a rise from zero
            self._reconciliations(result)
        for success in ("true", "false"):
            self._status_updates(success)
        self._reconciliation_errors("bug")
        self._namespaces: set[str] = set()
        for mirror in mirrors(
            made.reconciliations, made.reconciliation_errors, made.reconciliation_duration
        ):
            registry.register(mirror)

    def flow_phase(self, namespace: str, old: str | None, new: str | None) -> None:
        """A flow went from one phase to another.

        `old` None: first seen (after a restart, say), no transition. `old` "": a new flow without
        a status, which does enter `new`. `new` None: deleted.
        """
        if old == new:
            return
        if namespace not in self._namespaces:
            self._meet(namespace)
        if old:
            self._flows.add(-1, namespace, old)
        if new:
            self._flows.add(1, namespace, new)
            if old is not None:
                self._flow_transitions(namespace, new).inc()

    def _meet(self, namespace: str) -> None:
        """Show zeros in a namespace, so that its first end of a flow or step is a rise."""
        self._namespaces.add(namespace)
        for phase in ("Succeeded", "Failed"):
            self._flow_transitions(namespace, phase)
            self._step_transitions(namespace, phase)

    def step_phase(self, namespace: str, old: str | None, new: str | None, count: int = 1) -> None:
        """`count` steps went from one phase to another; `old` and `new` as for `flow_phase`."""
        if old == new or count < 1:
            return
        if old:
            self._steps.add(-count, namespace, old)
        if new:
            self._steps.add(count, namespace, new)
            if old is not None:
                self._step_transitions(namespace, new).inc(count)

    def step_finished(self, namespace: str, seconds: float, result: StepResult) -> None:
        """A step reached its end, `seconds` after its first attempt started."""
        self._step_duration(namespace, result).observe(seconds)

    def pod_ended(self, namespace: str, spent: Stages) -> None:
        """A pod of a step ended, after these stages."""
        for stage, seconds in zip(spent._fields, spent, strict=True):
            if seconds is not None:
                self._step_stages(namespace, stage).observe(seconds)

    def step_retried(self, namespace: str, backoff_seconds: float, cause: str) -> None:
        """A step will be tried again; `cause` is one of a handful (OutOfMemory, Timeout, ...)."""
        self._step_retries(namespace, cause).inc()
        self._retry_backoff(namespace).observe(backoff_seconds)

    def map_finished(self, namespace: str, measured: Measured) -> None:
        """A map step reached its end, and this is what it measured."""
        for result in ("done", "failed", "skipped"):
            self._map_items(namespace, result).inc(getattr(measured, result))
        self._map_deaths(namespace).inc(measured.deaths)
        if measured.efficiency:
            self._map_efficiency(namespace).observe(measured.efficiency)
        if measured.speedup and measured.predicted_speedup:
            self._map_accuracy(namespace).observe(measured.predicted_speedup / measured.speedup)

    def step_error(self, namespace: str, error_type: str) -> None:
        """An attempt failed, whether or not another follows; or a step did without one."""
        self._step_errors(namespace, error_type).inc()

    def timeout(self, namespace: str, kind: TimeoutKind) -> None:
        """A deadline passed."""
        self._timeouts(namespace, kind).inc()

    def approval_pending(self, namespace: str, delta: int) -> None:
        """So many more (or fewer) steps wait for a person."""
        self._approvals_pending.add(delta, namespace)

    def approval_answered(self, namespace: str, seconds: float) -> None:
        """A person approved or rejected, `seconds` after being asked."""
        self._approval_latency(namespace).observe(seconds)

    def reconciled(self, seconds: float, result: ReconcileResult) -> None:
        """A worker is done with a flow."""
        self._reconciliations(result).inc()
        self._reconciliation_duration.observe(seconds)

    def reconcile_error(self, error_type: str) -> None:
        """A reconcile failed; `error_type` is the exception's class or a fixed word."""
        self._reconciliation_errors(error_type).inc()

    def api_call(self, operation: str, resource: str, status: str, seconds: float) -> None:
        """One attempt of one call. The signature is `Client`'s `Observe`."""
        key = (operation, resource, status)
        known = self._api_calls.get(key)
        if known is None:
            # So that the first call without an answer is a rise from zero.
            self._api_call_counts.labels(operation, resource, "<error>", "false")
            success = "true" if status.startswith("2") else "false"
            duration = self._api_call_duration.labels(operation, resource)
            # A watch lasts as long as the server lets it: no latency to speak of.
            known = self._api_calls[key] = (
                self._api_call_counts.labels(operation, resource, status, success),
                duration if operation != "watch" else None,
            )
        known[0].inc()
        if known[1] is not None:
            known[1].observe(seconds)

    def status_updated(self, seconds: float, ok: bool) -> None:
        """A flow's status was written, or could not be."""
        self._status_updates("true" if ok else "false").inc()
        self._status_duration.observe(seconds)

    def dag_compiled(self, seconds: float) -> None:
        """A graph was built."""
        self._dag_computation.observe(seconds)

    def dag_cache(self, requests: int, hits: int) -> None:
        """So many more requests to the graph cache, and so many of them answered from it."""
        self._dag_cache_requests.inc(requests)
        self._dag_cache_hits.inc(hits)

    def queue_waited(self, seconds: float) -> None:
        """A key was taken from the queue after so long."""
        self._queue_waited.observe(seconds)

    def event_loop_lag(self, seconds: float) -> None:
        """A timer fired so late."""
        self._event_loop_lag.observe(seconds)

    def reviewed(self, path: str, result: str, seconds: float) -> None:
        """The webhook answered. The signature is that of `jobflows.webhook.site.Observe`."""
        webhook = path.removeprefix("/")
        self._admission_reviews(webhook, result).inc()
        self._admission_duration(webhook).observe(seconds)

    def watch_queue(self, queue: Queue, *, workers: int, now: Callable[[], float]) -> Stop:
        """Show this queue's depth, counters and work. `now` is the loop's time."""
        if self._queues is None:
            self._queues = QueueCollector(now)
            self.registry.register(self._queues)
        return self._queues.add((queue, workers))

    def watch_informer(self, informer: Informer[Any], *, now: Callable[[], float]) -> Stop:
        """Show this informer under its resource's name. `now` is the loop's time."""
        if self._informers is None:
            self._informers = InformerCollector(now)
            self.registry.register(self._informers)
        return self._informers.add(informer)

    def watch_admission(self, admission: Admission) -> Stop:
        """Show the limits that flows share, and who waits for them."""
        if self._admissions is None:
            self._admissions = AdmissionCollector()
            self.registry.register(self._admissions)
        return self._admissions.add(admission)

    def watch_standing(self, look: Callable[[], Standing]) -> Stop:
        """Show what waits, and for how long."""
        if self._standings is None:
            self._standings = StandingCollector()
            self.registry.register(self._standings)
        return self._standings.add(look)

    def watch_certificate(self, expires: Callable[[], float | None]) -> None:
        """Show until when the webhook's certificate is good, in UNIX seconds. Once a process."""
        self.registry.register(CertificateCollector(expires))

    def watch_limiter(self, limiter: Limiter) -> None:
        """Show the client-side rate limit. Once a process."""
        self.registry.register(LimiterCollector(limiter))

    def expect_shards(self, shards: int) -> None:
        """So many are to be worked on, here or elsewhere; none of them here yet."""
        self._shards.set(shards)
        for shard in range(shards):
            self._leader(str(shard)).set(0)
            self._takeovers(str(shard))

    def leads(self, shard: int, *, yes: bool) -> None:
        """This process begins, or ends, to work on a shard."""
        self._leader(str(shard)).set(int(yes))
        if yes:
            self._takeovers(str(shard)).inc()
