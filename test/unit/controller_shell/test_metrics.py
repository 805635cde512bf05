"""Names, labels and bookkeeping of the metrics, as Prometheus would scrape them."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from jobflows.cluster.limiter import Limiter
from jobflows.cluster.resources import JOBS
from jobflows.controller.metrics import Metrics
from jobflows.controller.standing import Standing
from jobflows.controller.workqueue import WorkQueue

ZEN_FLOW = {
    "zen_flow_jobflows": {"phase", "namespace"},
    "zen_flow_jobflow_phase_transitions_total": {"phase", "namespace"},
    "zen_flow_step_duration_seconds_bucket": {"namespace", "result", "le"},
    "zen_flow_reconciliation_duration_seconds_bucket": {"le"},
    "zen_flow_steps": {"namespace", "phase"},
    "zen_flow_step_phase_transitions_total": {"namespace", "phase"},
    "zen_flow_step_errors_total": {"namespace", "error_type"},
    "zen_flow_reconciliation_errors_total": {"error_type"},
    "zen_flow_step_retries_total": {"namespace", "cause"},
    "zen_flow_step_retry_backoff_duration_seconds_bucket": {"namespace", "le"},
    "zen_flow_approvals_pending": {"namespace"},
    "zen_flow_approval_latency_seconds_bucket": {"namespace", "le"},
    "zen_flow_timeouts_total": {"namespace", "timeout_type"},
    "zen_flow_dag_computation_duration_seconds_bucket": {"le"},
    "zen_flow_status_update_duration_seconds_bucket": {"le"},
    "zen_flow_step_execution_queue_depth": {"namespace"},
    "zen_flow_api_server_calls_total": {"operation", "resource", "code", "success"},
}
"""The seventeen that zen-flow exports."""

TUNING_GUIDE = {
    "zen_flow_reconciliation_total": {"result"},
    "zen_flow_status_updates_total": {"success"},
    "zen_flow_api_server_call_duration_seconds_bucket": {"operation", "resource", "le"},
    "zen_flow_dag_cache_hits_total": set[str](),
    "zen_flow_dag_cache_requests_total": set[str](),
}
"""Those that its tuning guide asks for in vain."""

FRAMEWORKS = {
    "workqueue_depth": {"name"},
    "workqueue_adds_total": {"name"},
    "workqueue_retries_total": {"name"},
    "workqueue_queue_duration_seconds_bucket": {"name", "le"},
    "workqueue_work_duration_seconds_bucket": {"name", "le"},
    "workqueue_unfinished_work_seconds": {"name"},
    "workqueue_longest_running_processor_seconds": {"name"},
    "controller_runtime_reconcile_total": {"controller", "result"},
    "controller_runtime_reconcile_errors_total": {"controller", "error_type"},
    "controller_runtime_reconcile_time_seconds_bucket": {"controller", "le"},
    "controller_runtime_active_workers": {"controller"},
    "controller_runtime_max_concurrent_reconciles": {"controller"},
    "jobflow_informer_synced": {"resource"},
    "jobflow_informer_objects": {"resource"},
    "jobflow_informer_lag_seconds": {"resource"},
    "jobflow_informer_relists_total": {"resource"},
    "jobflow_informer_events_total": {"resource"},
    "jobflow_informer_errors_total": {"resource"},
    "jobflow_api_limiter_waiting": set[str](),
    "jobflow_api_limiter_throttles_total": set[str](),
    "jobflow_event_loop_lag_seconds_bucket": {"le"},
    "jobflow_build_info": {"version", "python"},
}

OURS = {
    "zen_flow_jobflow_longest_wait_seconds": {"namespace", "reason"},
    "zen_flow_approval_longest_wait_seconds": {"namespace"},
    "jobflow_webhook_certificate_expiry_timestamp_seconds": set[str](),
}
"""What alerts need to know beyond that."""

STEP_TRANSITIONS = "zen_flow_step_phase_transitions_total"

Labels = frozenset[tuple[str, str]]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def scrape(metrics: Metrics) -> dict[str, dict[Labels, float]]:
    """Series by name, from the text that Prometheus gets."""
    series: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            series.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return series


def value(metrics: Metrics, series: str, /, **labels: str) -> float | None:
    return scrape(metrics).get(series, {}).get(frozenset(labels.items()))


def transitions(metrics: Metrics) -> float:
    """How many there were, of flows and of steps."""
    series = scrape(metrics)
    both = series["zen_flow_jobflow_phase_transitions_total"], series[STEP_TRANSITIONS]
    return sum(sum(found.values()) for found in both)


def an_informer(**stats: Any) -> Any:
    counters = dict.fromkeys(
        ("events", "stale_events", "lists", "watches", "synthetic_deletes", "errors", "unreadable"),
        0,
    )
    return cast(
        Any,
        _Informer(
            resource=JOBS,
            synced=SimpleNamespace(is_set=lambda: True),
            stats=SimpleNamespace(**counters | stats, last_event_age=lambda now: now - 5.0),
        ),
    )


class _Informer(SimpleNamespace):
    def __len__(self) -> int:
        return 3


def touch_all(metrics: Metrics) -> None:
    metrics.flow_phase("ns", "", "Running")
    metrics.step_phase("ns", "", "Running")
    metrics.step_finished("ns", 3.0, "success")
    metrics.step_retried("ns", 1.0, "OOMKilled")
    metrics.step_error("ns", "OOMKilled")
    metrics.timeout("ns", "step_timeout")
    metrics.approval_pending("ns", 1)
    metrics.approval_answered("ns", 60.0)
    metrics.reconciled(0.001, "success")
    metrics.reconcile_error("http_500")
    metrics.api_call("create", "jobs", "201", 0.01)
    metrics.status_updated(0.01, ok=True)
    metrics.dag_compiled(0.001)
    metrics.dag_cache(1, 1)
    metrics.queue_waited(0.01)
    metrics.event_loop_lag(0.0)
    metrics.watch_queue(WorkQueue(random.Random(1)), workers=10, now=lambda: 9.0)
    metrics.watch_informer(an_informer(), now=lambda: 9.0)
    metrics.watch_limiter(Limiter())
    metrics.watch_certificate(lambda: None)
    metrics.watch_standing(lambda: Standing({"ns": 0}, {("ns", "Pods"): 60.0}, {"ns": 60.0}))


@pytest.mark.parametrize(
    ("name", "labels"),
    [*ZEN_FLOW.items(), *TUNING_GUIDE.items(), *FRAMEWORKS.items(), *OURS.items()],
)
def test_the_series_exists_with_its_labels(metrics: Metrics, name: str, labels: set[str]) -> None:
    touch_all(metrics)
    assert {label for label, _ in next(iter(scrape(metrics)[name]))} == labels


def test_no_label_names_one_object(metrics: Metrics) -> None:
    touch_all(metrics)
    labels = {
        label for series in scrape(metrics).values() for found in series for label, _ in found
    }
    assert not labels & {"flow", "jobflow", "step", "job", "pod", "uid"}


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("zen_flow_step_duration_seconds", 300.0),  # alert: p95 over 300 s
        ("zen_flow_reconciliation_duration_seconds", 5.0),  # p95 over 5 s
        ("zen_flow_dag_computation_duration_seconds", 1.0),  # p95 over 1 s
        ("zen_flow_approval_latency_seconds", 86400.0),
    ],
)
def test_buckets_reach_beyond_what_alerts_ask(metrics: Metrics, name: str, seconds: float) -> None:
    touch_all(metrics)
    bounds = sorted(float(dict(labels)["le"]) for labels in scrape(metrics)[name + "_bucket"])
    assert bounds[-2] > seconds
    assert seconds in bounds


def test_flows_are_counted_where_they_are(metrics: Metrics) -> None:
    metrics.flow_phase("ns", "", "Pending")
    metrics.flow_phase("ns", "", "Pending")
    metrics.flow_phase("ns", "Pending", "Running")

    assert value(metrics, "zen_flow_jobflows", namespace="ns", phase="Pending") == 1
    assert value(metrics, "zen_flow_jobflows", namespace="ns", phase="Running") == 1
    entered = "zen_flow_jobflow_phase_transitions_total"
    assert value(metrics, entered, namespace="ns", phase="Pending") == 2
    assert value(metrics, entered, namespace="ns", phase="Running") == 1


def test_a_restart_counts_flows_but_no_transitions(metrics: Metrics) -> None:
    metrics.flow_phase("ns", None, "Running")
    metrics.step_phase("ns", None, "Succeeded", 4)

    assert value(metrics, "zen_flow_jobflows", namespace="ns", phase="Running") == 1
    assert value(metrics, "zen_flow_steps", namespace="ns", phase="Succeeded") == 4
    assert not transitions(metrics)


def test_a_deleted_flow_is_not_counted_any_more(metrics: Metrics) -> None:
    metrics.flow_phase("ns", None, "Running")
    metrics.flow_phase("ns", "Running", None)

    assert value(metrics, "zen_flow_jobflows", namespace="ns", phase="Running") == 0
    assert not transitions(metrics)


def test_the_first_failure_in_a_namespace_is_a_rise_from_zero(metrics: Metrics) -> None:
    metrics.flow_phase("ns", "", "Pending")

    for name in ("zen_flow_jobflow_phase_transitions_total", STEP_TRANSITIONS):
        for phase in ("Succeeded", "Failed"):
            assert value(metrics, name, namespace="ns", phase=phase) == 0


def test_staying_in_a_phase_changes_nothing(metrics: Metrics) -> None:
    metrics.flow_phase("ns", None, "Running")
    metrics.flow_phase("ns", "Running", "Running")

    assert value(metrics, "zen_flow_jobflows", namespace="ns", phase="Running") == 1
    assert not transitions(metrics)


def test_gauges_do_not_fall_below_zero(metrics: Metrics) -> None:
    metrics.flow_phase("ns", "Pending", "Running")
    metrics.approval_pending("ns", -1)
    metrics.step_phase("ns", "Pending", "Running", 2)

    assert value(metrics, "zen_flow_jobflows", namespace="ns", phase="Pending") == 0
    assert value(metrics, "zen_flow_jobflows", namespace="ns", phase="Running") == 1
    assert value(metrics, "zen_flow_steps", namespace="ns", phase="Pending") == 0
    assert value(metrics, "zen_flow_approvals_pending", namespace="ns") == 0


@pytest.mark.parametrize(
    ("code", "success"), [("201", "true"), ("409", "false"), ("<error>", "false")]
)
def test_an_api_call_says_how_it_ended(metrics: Metrics, code: str, success: str) -> None:
    metrics.api_call("create", "jobs", code, 0.2)

    called = {"operation": "create", "resource": "jobs"}
    calls = value(metrics, "zen_flow_api_server_calls_total", code=code, success=success, **called)
    assert calls == 1
    assert value(metrics, "zen_flow_api_server_call_duration_seconds_sum", **called) == 0.2


def test_the_first_call_without_an_answer_is_a_rise_from_zero(metrics: Metrics) -> None:
    calls = "zen_flow_api_server_calls_total"
    lost = {"operation": "list", "resource": "pods", "code": "<error>", "success": "false"}
    metrics.api_call("list", "pods", "200", 0.2)
    assert value(metrics, calls, **lost) == 0
    metrics.api_call("list", "pods", "<error>", 0.2)
    assert value(metrics, calls, **lost) == 1


def test_a_watch_is_counted_but_not_timed(metrics: Metrics) -> None:
    metrics.api_call("watch", "jobs", "200", 240.0)

    series = scrape(metrics)
    assert sum(series["zen_flow_api_server_calls_total"].values()) == 1
    sums = series.get("zen_flow_api_server_call_duration_seconds_sum", {})
    assert all(seconds == 0 for seconds in sums.values())


def test_the_cache_hit_rate_of_the_tuning_guide_can_be_divided(metrics: Metrics) -> None:
    metrics.dag_cache(4, 3)
    hits = value(metrics, "zen_flow_dag_cache_hits_total")
    requests = value(metrics, "zen_flow_dag_cache_requests_total")
    assert hits is not None
    assert requests is not None
    assert hits / requests == 0.75


def test_reconciles_appear_under_controller_runtimes_names_too(metrics: Metrics) -> None:
    metrics.reconciled(0.2, "error")
    metrics.reconcile_error("http_500")

    names = {"controller": "jobflow"}
    assert value(metrics, "controller_runtime_reconcile_total", result="error", **names) == 1
    assert value(metrics, "controller_runtime_reconcile_time_seconds_sum", **names) == 0.2
    assert value(metrics, "workqueue_work_duration_seconds_count", name="jobflow") == 1
    errors = "controller_runtime_reconcile_errors_total"
    assert value(metrics, errors, error_type="http_500", **names) == 1


def test_the_queue_is_read_when_prometheus_asks(metrics: Metrics) -> None:
    async def scenario() -> None:
        queue = WorkQueue(random.Random(1))
        metrics.watch_queue(queue, workers=10, now=lambda: loop_time + 2.0)
        for key in "abc":
            queue.add(key)
        loop_time = asyncio.get_running_loop().time()
        await queue.get()
        queue.working["a"] = loop_time

        assert value(metrics, "workqueue_depth", name="jobflow") == 2
        assert value(metrics, "workqueue_adds_total", name="jobflow") == 3
        assert value(metrics, "workqueue_unfinished_work_seconds", name="jobflow") == 2.0
        longest = "workqueue_longest_running_processor_seconds"
        assert value(metrics, longest, name="jobflow") == 2.0
        assert value(metrics, "controller_runtime_active_workers", controller="jobflow") == 1

    asyncio.run(scenario())


def test_an_informer_is_read_when_prometheus_asks(metrics: Metrics) -> None:
    metrics.watch_informer(an_informer(lists=3, events=40), now=lambda: 7.0)

    jobs = {"resource": "jobs"}
    assert value(metrics, "jobflow_informer_relists_total", **jobs) == 2
    assert value(metrics, "jobflow_informer_events_total", **jobs) == 40
    assert value(metrics, "jobflow_informer_lag_seconds", **jobs) == 2.0
    assert value(metrics, "jobflow_informer_objects", **jobs) == 3
    assert value(metrics, "jobflow_informer_synced", **jobs) == 1
