"""What the metrics port tells an administrator."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cluster_suite.flows import diamond, fails_until, flow, manual, retry, sim, step
from cluster_suite.kube import Kube
from cluster_suite.process import OperatorProcess

pytestmark = pytest.mark.cluster

Samples = dict[str, float]


def test_metrics_tell_what_happened(kube: Kube, operator: OperatorProcess) -> None:
    kube.apply(
        diamond("shape"),
        flow("again", step("a", pod=fails_until(2), retryPolicy=retry(1))),
        flow("bad", step("a", pod=sim("fail")), step("b", "a")),
        flow("late", step("a", pod=sim("never"), timeoutSeconds=1)),
        flow("asks", manual("check")),
    )
    kube.ends("shape")
    kube.ends("again")
    kube.ends("bad", "Failed")
    kube.ends("late", "Failed")
    kube.reaches("asks", "Paused")
    seen = _samples(operator, kube.namespace)
    assert seen["zen_flow_jobflows{phase=Succeeded}"] == 2
    assert seen["zen_flow_jobflows{phase=Failed}"] == 2
    assert seen["zen_flow_jobflows{phase=Paused}"] == 1
    assert seen["zen_flow_jobflow_phase_transitions_total{phase=Succeeded}"] == 2
    assert seen["zen_flow_steps{phase=Succeeded}"] == 5
    assert seen["zen_flow_steps{phase=Failed}"] == 2
    assert seen["zen_flow_steps{phase=Skipped}"] == 1
    assert seen["zen_flow_step_phase_transitions_total{phase=Succeeded}"] == 5
    assert seen["zen_flow_step_duration_seconds_count{result=success}"] == 5
    assert seen["zen_flow_step_duration_seconds_count{result=failure}"] == 1
    assert seen["zen_flow_step_duration_seconds_count{result=timeout}"] == 1
    assert 1 <= seen["zen_flow_step_duration_seconds_sum{result=timeout}"] < 30
    assert seen["zen_flow_step_retry_backoff_duration_seconds_count{}"] == 1
    assert seen["zen_flow_timeouts_total{timeout_type=step_timeout}"] == 1
    assert seen["zen_flow_approvals_pending{}"] == 1
    kube("delete", "jf", "--all")
    operator_wide = _samples(operator, "")
    assert operator_wide["zen_flow_reconciliation_total{result=success}"] > 10
    assert operator_wide["zen_flow_reconciliation_duration_seconds_count{}"] > 10
    assert operator_wide["zen_flow_dag_computation_duration_seconds_count{}"] >= 5
    assert operator_wide["zen_flow_status_updates_total{success=true}"] >= 5
    assert operator_wide["workqueue_adds_total{name=jobflow}"] > 10


def test_the_port_also_serves_probes_and_the_version(operator: OperatorProcess) -> None:
    assert operator.fetch("/healthz")[0] == 200
    status, text = operator.fetch("/readyz")
    assert status == 200
    assert '"jobs":true' in text
    assert '"version"' in operator.fetch("/version")[1]
    assert operator.fetch("/nothing")[0] == 404


def _samples(operator: OperatorProcess, namespace: str) -> Samples:
    """Samples of one namespace, or of none; `namespace` is left out of the name."""
    found: Samples = {}
    status, text = operator.fetch("/metrics")
    assert status == 200
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = dict(sample.labels)
            if labels.pop("namespace", "") == namespace:
                shown = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
                found[f"{sample.name}{{{shown}}}"] = sample.value
    return found
