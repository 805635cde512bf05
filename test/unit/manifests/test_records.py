"""Objects as an API server sends them are read, and what is not needed is passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobflows.engine import AttemptState
from jobflows.manifests.observe import observe_attempt
from jobflows.manifests.records import FlowRecord, JobRecord, PodRecord

SENT = Path(__file__).parent / "sent"


def sent(name: str) -> bytes:
    return (SENT / name).read_bytes()


def test_a_job_is_read() -> None:
    job = msgspec.json.decode(sent("job.json"), type=JobRecord)
    assert job.metadata.name == "etl-extract-1"
    assert job.metadata.owner is not None
    assert job.metadata.owner.uid == "7d9a6f8e-3c1b-4f0e-9b1d-0a2b3c4d5e6f"
    assert job.metadata.labels["workflow.kube-zen.io/step"] == "extract"
    assert job.spec.backoffLimit == 2
    assert job.spec.podFailurePolicy is not None
    assert job.is_single
    failed = job.condition("Failed")
    assert failed is not None
    assert failed.reason == "PodFailurePolicy"
    assert job.condition("Complete") is None
    assert job.condition("Suspended") is None  # it is there, and False


def test_jobs_of_a_flow_share_the_words_that_they_have_in_common() -> None:
    one = msgspec.json.decode(sent("job.json"), type=JobRecord).metadata
    other = msgspec.json.decode(sent("job.json"), type=JobRecord).metadata
    assert one.namespace is other.namespace
    assert one.labels.flow_uid is other.labels.flow_uid
    assert one.owner is not None
    assert other.owner is not None
    assert one.owner.uid is other.owner.uid
    assert one.owner.uid is one.labels.flow_uid


def conditions(*types: str) -> tuple[str, ...]:
    """What is kept of a Job's conditions."""
    said = [{"type": kind, "status": "True"} for kind in types]
    document = {**json.loads(sent("job.json")), "status": {"conditions": said}}
    job = msgspec.json.decode(json.dumps(document), type=JobRecord)
    return tuple(condition.type for condition in job.status.conditions)


def test_of_a_job_only_the_conditions_are_kept_that_somebody_asks_for() -> None:
    assert conditions("SuccessCriteriaMet", "Complete") == ("Complete",)
    assert conditions("SuccessCriteriaMet") == ("SuccessCriteriaMet",)
    assert conditions("FailureTarget", "Failed", "Suspended") == ("Failed",)


def test_a_pod_is_read() -> None:
    pod = msgspec.json.decode(sent("pod.json"), type=PodRecord)
    assert pod.status.phase == "Failed"
    assert pod.metadata.owner is not None
    assert pod.metadata.owner.kind == "Job"
    init, main = pod.status.initContainerStatuses[0], pod.status.containerStatuses[0]
    assert init.state.terminated is not None
    assert init.state.terminated.exitCode == 0
    assert main.state.terminated is not None
    assert (main.state.terminated.exitCode, main.state.terminated.reason) == (42, "Error")


def test_they_make_an_attempt() -> None:
    job = msgspec.json.decode(sent("job.json"), type=JobRecord)
    pod = msgspec.json.decode(sent("pod.json"), type=PodRecord)
    attempt = observe_attempt(1, job, [pod], wants_output=False, now=2e9)
    assert attempt is not None
    assert attempt.state is AttemptState.FAILED
    assert attempt.exit_codes == {"main": 42}
    assert attempt.message == "container main exited with code 42: no such table: orders"


@pytest.mark.parametrize("extra", [{}, {"podFailurePolicy": {"rules": [{"action": "Count"}]}}])
def test_a_job_with_and_without_rules_is_read(extra: dict[str, Any]) -> None:
    document = json.loads(sent("job.json"))
    document["spec"].pop("podFailurePolicy")
    document["spec"] |= extra
    job = msgspec.json.decode(json.dumps(document), type=JobRecord)
    assert (job.spec.podFailurePolicy is not None) == bool(extra)


def test_a_flow_keeps_spec_and_status_as_they_were_sent() -> None:
    body = (
        b'{"apiVersion":"workflow.kube-zen.io/v1alpha1","kind":"JobFlow","metadata":{"name":"etl",'
        b'"namespace":"team","uid":"u","resourceVersion":"12","generation":3,"creationTimestamp":'
        b'"2026-01-01T00:00:00Z","annotations":{"a":"b"},"managedFields":[{"manager":"kubectl"}]},'
        b'"spec":{"steps":[{"name":"one"}]},"status":{"phase":"Running"}}'
    )
    record = msgspec.json.decode(body, type=FlowRecord)
    assert record.document()["spec"] == {"steps": [{"name": "one"}]}
    assert record.document()["metadata"]["generation"] == 3
    assert record.decoded_status() == {"phase": "Running"}


def test_a_flow_without_a_status_has_an_empty_one() -> None:
    body = b'{"metadata":{"name":"etl","uid":"u","resourceVersion":"1"},"spec":{}}'
    assert msgspec.json.decode(body, type=FlowRecord).decoded_status() == {}
