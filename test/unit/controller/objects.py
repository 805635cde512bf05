"""Records of flows, Jobs and pods as the informers hand them on, in few words."""

from __future__ import annotations

from typing import Any

import msgspec

from jobflows.manifests import labels
from jobflows.manifests.records import FlowRecord, JobRecord, PodRecord

BORN = "2026-01-01T00:00:00Z"
JOB = msgspec.json.Decoder(JobRecord).decode
POD = msgspec.json.Decoder(PodRecord).decode
FLOW = msgspec.json.Decoder(FlowRecord).decode


def flow_record(name: str = "f", *, uid: str = "flow-1", **more: Any) -> FlowRecord:
    """A flow of one step; `more` goes into its metadata, but `spec` and `status`."""
    pod = {"containers": [{"name": "main", "image": "busybox"}]}
    spec = {"steps": [{"name": "a", "template": {"spec": {"template": {"spec": pod}}}}]}
    body = {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": uid,
            "generation": 1,
            "resourceVersion": "5",
            "creationTimestamp": BORN,
        }
        | {key: value for key, value in more.items() if key not in ("spec", "status")},
        "spec": spec | more.get("spec", {}),
        "status": more.get("status", {}),
    }
    return FLOW(msgspec.json.encode(body))


def marks(step: str, number: int, uid: str) -> dict[str, str]:
    return {labels.FLOW_UID: uid, labels.STEP: step, labels.ATTEMPT: str(number)}


def job_record(
    step: str = "a",
    number: int = 1,
    *,
    flow: str = "flow-1",
    uid: str = "job-1",
    conditions: tuple[dict[str, str], ...] = (),
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    **meta: Any,
) -> JobRecord:
    """A Job of an attempt, owned by its flow."""
    owner = {"uid": flow, "kind": "JobFlow", "name": "f", "controller": True}
    body = {
        "metadata": {
            "name": f"f-{step}-{number}",
            "namespace": "default",
            "uid": uid,
            "resourceVersion": "7",
            "creationTimestamp": BORN,
            "labels": marks(step, number, flow),
            "ownerReferences": [owner],
        }
        | meta,
        "spec": {"backoffLimit": 0} | (spec or {}),
        "status": {"conditions": list(conditions)} | (status or {}),
    }
    return JOB(msgspec.json.encode(body))


def pod_record(
    phase: str,
    step: str = "a",
    number: int = 1,
    *,
    flow: str = "flow-1",
    job: str = "job-1",
    uid: str = "pod-1",
    status: dict[str, Any] | None = None,
    **meta: Any,
) -> PodRecord:
    """A pod of a Job."""
    owner = {"uid": job, "kind": "Job", "name": f"f-{step}-{number}", "controller": True}
    body = {
        "metadata": {
            "name": f"f-{step}-{number}-{uid}",
            "namespace": "default",
            "uid": uid,
            "resourceVersion": "9",
            "creationTimestamp": BORN,
            "labels": marks(step, number, flow),
            "ownerReferences": [owner],
        }
        | meta,
        "status": {"phase": phase} | (status or {}),
    }
    return POD(msgspec.json.encode(body))


def condition(kind: str, reason: str = "", message: str = "", at: str = BORN) -> dict[str, str]:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": at,
    }
