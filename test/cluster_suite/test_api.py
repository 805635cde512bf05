"""JobFlows as kubectl shows and takes them, with no operator there.

What the schema accepts, refuses and stores is tested field by field in `test_schema.py`.
"""

import pytest

from cluster_suite.flows import flow, manual, step
from cluster_suite.kube import Kube, condition

pytestmark = pytest.mark.cluster


def test_the_crd_is_established(kube: Kube) -> None:
    status = kube.get("crd", "jobflows.workflow.kube-zen.io")["status"]
    for kind in ("Established", "NamesAccepted"):
        assert condition(status, kind)["status"] == "True"
    assert "NonStructuralSchema" not in {c["type"] for c in status["conditions"]}


def test_kubectl_shows_phase_progress_and_the_reason(kube: Kube) -> None:
    kube.apply(flow("shown", step("a")))
    status = {"phase": "Running", "reason": "Started", "progress": {"summary": "3/6"}}
    kube.patch("jf", "shown", {"status": status}, "--subresource=status")
    head, row = kube("get", "jf").splitlines()
    assert head.split() == ["NAME", "PHASE", "PROGRESS", "AGE"]
    assert row.split()[:3] == ["shown", "Running", "3/6"]
    head, row = kube("get", "jf", "-o", "wide").splitlines()
    assert head.split() == ["NAME", "PHASE", "PROGRESS", "AGE", "REASON"]
    assert row.split()[-1] == "Started"


def test_short_names_work_and_all_includes_flows(kube: Kube) -> None:
    kube.apply(flow("short", step("a")))
    for name in ("jf", "flow", "jobflow", "jobflows", "all"):
        assert "short" in kube("get", name, "-o", "name")


def test_defaults_are_filled_in(kube: Kube) -> None:
    kube.apply(flow("defaults", step("a"), executionPolicy={}))
    spec = kube.get("jf", "defaults")["spec"]
    policy = spec["executionPolicy"]
    assert policy.items() >= {
        ("concurrencyPolicy", "Forbid"),
        ("ttlSecondsAfterFinished", 86400),
        ("backoffLimit", 6),
        ("failFastMode", "Drain"),
    }
    assert policy["failFast"] is False


def test_an_unknown_field_and_a_second_parameter_of_one_name_are_refused(kube: Kube) -> None:
    typo = kube.refused("apply", "-f", "-", stdin=flow("x", step("a", retires=3)))
    assert 'unknown field "spec.steps[0].retires"' in typo
    same = [{"name": "p", "value": "1"}] * 2
    twice = kube.refused("apply", "-f", "-", stdin=flow("x", step("a"), parameters=same))
    assert "Duplicate value" in twice


def test_a_whole_job_a_claim_and_values_survive_in_the_spec(kube: Kube) -> None:
    full = step("a", metadata={"labels": {"x": "y"}, "annotations": {"a": "b"}}, when="always")
    full["template"]["metadata"] = {"labels": {"team": "genomics"}}
    full["template"]["spec"] |= {"suspend": False, "completionMode": "Indexed", "completions": 3}
    full["inputs"] = {
        "parameters": [{"name": "n", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]
    }
    full["outputs"] = {"parameters": [{"name": "n", "valueFrom": {"jsonPath": "$.n"}}]}
    templates = {
        "volumeClaimTemplates": [
            {"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
        ],
        "configMapTemplates": [{"metadata": {"name": "c"}, "data": {"k": "v"}}],
    }
    kube.apply(flow("full", full, resourceTemplates=templates))
    spec = kube.get("jf", "full")["spec"]
    assert spec["resourceTemplates"] == templates
    for field, value in full.items():
        assert spec["steps"][0][field] == value, field


def test_zen_flows_approval_key_is_no_annotation_and_ours_is_one(kube: Kube) -> None:
    kube.apply(flow("keys", manual("check")))
    assert "invalid" in kube.refused(
        "annotate", "jf", "keys", "workflow.kube-zen.io/approved/check=true"
    )
    kube.annotate("keys", f"approved.workflow.kube-zen.io/{'s' * 63}", "true")
