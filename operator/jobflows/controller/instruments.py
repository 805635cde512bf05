"""Every series the operator counts itself: names, labels and buckets.

Used by `metrics.py` only. The `zen_flow_*` names are those that zen-flow exports or documents, so
that its dashboards, alerts and tuning guide work unchanged. Rules:
- no label names one flow or one step: with ten thousand flows that is a series each, for ever.
  `namespace` stands where zen-flow has `flow`;
- buckets reach as far as the alerts ask (zen-flow's end at 10 s for steps and 1 s for graphs, so
  its alerts on 300 s and 1 s can never fire).

Numbers that live in other objects (queue, informers, limiter) are read by `scrape.py` instead.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from jobflows.controller.scrape import Tally

QUICK = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CALL = (1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STEP = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)
STAGE = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)
BACKOFF = (1, 5, 10, 30, 60, 300, 600, 1800, 3600)
APPROVAL = (60, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800)
WAITING = (1e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SHARE = (0.1, 0.25, 0.5, 0.75, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99, 1.0)
ACCURACY = (0.5, 0.67, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.25, 1.5, 2.0)
LAG = (1e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Instruments:
    """The series by what they count. Metric types as Prometheus has them; units in the names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def tally(name: str, text: str, *labels: str) -> Tally:
            made = Tally(name, text, *labels)
            registry.register(made)
            return made

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, text, labels, registry=registry, buckets=buckets)

        self.flows = tally("zen_flow_jobflows", "JobFlows by phase.", "namespace", "phase")
        self.flow_transitions = counter(
            "zen_flow_jobflow_phase_transitions_total",
            "JobFlows that entered a phase.",
            "namespace",
            "phase",
        )
        self.steps = tally("zen_flow_steps", "Steps by phase.", "namespace", "phase")
        self.step_transitions = counter(
            "zen_flow_step_phase_transitions_total",
            "Steps that entered a phase.",
            "namespace",
            "phase",
        )
        self.step_duration = histogram(
            "zen_flow_step_duration_seconds",
            "From a step's start to its end, all attempts.",
            STEP,
            "namespace",
            "result",
        )
        self.step_stages = histogram(
            "zen_flow_step_stage_duration_seconds",
            "Time of a step's pods: waiting for a node, starting (image, volumes), running.",
            STAGE,
            "namespace",
            "stage",
        )
        self.step_errors = counter(
            "zen_flow_step_errors_total",
            "Failed attempts by cause, retried or not; steps that failed without one by reason.",
            "namespace",
            "error_type",
        )
        self.step_retries = counter(
            "zen_flow_step_retries_total",
            "Attempts started after a failed one, by its cause.",
            "namespace",
            "cause",
        )
        self.retry_backoff = histogram(
            "zen_flow_step_retry_backoff_duration_seconds",
            "Wait before a retry.",
            BACKOFF,
            "namespace",
        )
        self.approvals_pending = tally(
            "zen_flow_approvals_pending", "Steps waiting for a person.", "namespace"
        )
        self.approval_latency = histogram(
            "zen_flow_approval_latency_seconds",
            "From the question to the answer.",
            APPROVAL,
            "namespace",
        )
        self.map_items = counter(
            "zen_flow_map_items_total",
            "Items of finished map steps: done, failed, or skipped, since done before.",
            "namespace",
            "result",
        )
        self.map_efficiency = histogram(
            "zen_flow_map_efficiency_ratio",
            "Of finished map steps: items at once by workers; 1 is the best.",
            SHARE,
            "namespace",
        )
        self.map_accuracy = histogram(
            "zen_flow_map_predicted_speedup_ratio",
            "Of finished map steps: the speedup that was predicted by the one that was measured.",
            ACCURACY,
            "namespace",
        )
        self.map_deaths = counter(
            "zen_flow_map_worker_deaths_total", "Workers that were killed.", "namespace"
        )
        self.timeouts = counter(
            "zen_flow_timeouts_total",
            "Deadlines passed, retried or not.",
            "namespace",
            "timeout_type",
        )
        self.reconciliations = counter(
            "zen_flow_reconciliation_total", "Reconciles of a JobFlow.", "result"
        )
        self.reconciliation_errors = counter(
            "zen_flow_reconciliation_errors_total", "Reconciles that failed.", "error_type"
        )
        self.reconciliation_duration = histogram(
            "zen_flow_reconciliation_duration_seconds", "One reconcile of a JobFlow.", QUICK
        )
        self.dag_computation = histogram(
            "zen_flow_dag_computation_duration_seconds", "From a spec to its graph.", QUICK
        )
        self.dag_cache_requests = counter(
            "zen_flow_dag_cache_requests_total", "Graphs asked of the cache."
        )
        self.dag_cache_hits = counter("zen_flow_dag_cache_hits_total", "Graphs it had.")
        self.status_updates = counter(
            "zen_flow_status_updates_total", "Writes of a JobFlow's status.", "success"
        )
        self.status_duration = histogram(
            "zen_flow_status_update_duration_seconds", "One write of a status.", CALL
        )
        self.api_calls = counter(
            "zen_flow_api_server_calls_total",
            "Calls to the API server, every attempt; code is <error> without an answer.",
            "operation",
            "resource",
            "code",
            "success",
        )
        self.api_call_duration = histogram(
            "zen_flow_api_server_call_duration_seconds",
            "One call, without the wait for the client-side limit; watches are left out.",
            CALL,
            "operation",
            "resource",
        )
        self.queue_waited = histogram(
            "workqueue_queue_duration_seconds", "Wait in the queue.", WAITING, "name"
        )
        self.event_loop_lag = histogram(
            "jobflow_event_loop_lag_seconds", "How late the event loop wakes a sleeper.", LAG
        )
        self.admission_reviews = counter(
            "jobflow_admission_reviews_total",
            "Flows that the webhook was asked about: allowed, denied, refused as no review,"
            " sent away while it was busy, or failed to be judged.",
            "webhook",
            "result",
        )
        self.admission_duration = histogram(
            "jobflow_admission_review_duration_seconds",
            "One review, with the wait for its turn.",
            CALL,
            "webhook",
        )
        self.shards = Gauge(
            "jobflow_shards", "Shards that all replicas together work on.", registry=registry
        )
        self.leader = Gauge(
            "jobflow_leader",
            "1 while this process works on the shard.",
            ("shard",),
            registry=registry,
        )
        self.takeovers = counter(
            "jobflow_takeovers_total", "Times that this process took the shard.", "shard"
        )
        self.build_info = Gauge(
            "jobflow_build_info",
            "1, with the versions.",
            ("version", "python"),
            registry=registry,
        )
