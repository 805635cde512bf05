"""What the Job controller reads from pods, and the pods it makes of a Job's template."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from model.storage import Object, Record

TRACKING = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
ENDED = ("Succeeded", "Failed")


def controller_uid(pod: Record) -> str | None:
    for reference in pod.metadata.get("ownerReferences") or ():
        if reference.get("controller"):
            uid: str = reference["uid"]
            return uid
    return None


def phase(pod: Record) -> str:
    value: str = pod.obj["status"].get("phase", "Pending")
    return value


def tracked(pod: Record) -> bool:
    return TRACKING in (pod.metadata.get("finalizers") or ())


def deleting(pod: Record) -> bool:
    return "deletionTimestamp" in pod.metadata


def active(pod: Record) -> bool:
    return phase(pod) not in ENDED and not deleting(pod)


def terminating(pod: Record) -> bool:
    return phase(pod) not in ENDED and deleting(pod)


def ready(pod: Record) -> bool:
    conditions = pod.obj["status"].get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def failed(pod: Record, spec: Object) -> bool:
    """A pod on its way out counts as failed, unless replacements wait for its end."""
    if phase(pod) == "Failed":
        return True
    if spec.get("podReplacementPolicy") == "Failed":
        return False
    return deleting(pod) and phase(pod) != "Succeeded"


def completion_index(pod: Record) -> int:
    return int((pod.metadata.get("annotations") or {}).get(INDEX, -1))


def index_failures(pod: Record) -> int:
    return int((pod.metadata.get("annotations") or {}).get(INDEX_FAILURES, 0))


def finished_at(pod: Record, now: float) -> float:
    """When its last container ended, in UNIX seconds; `now` while that is unknown."""
    ends = [
        status["state"]["terminated"]["finishedAt"]
        for status in pod.obj["status"].get("containerStatuses") or ()
        if "terminated" in status.get("state", {})
    ]
    return max((datetime.fromisoformat(end).timestamp() for end in ends), default=now)


def policy(spec: Object, pod: Record) -> tuple[str | None, str]:
    """The action of the first podFailurePolicy rule that fits a failed pod, and why."""
    rules: list[Any] = (spec.get("podFailurePolicy") or {}).get("rules") or []
    for number, rule in enumerate(rules):
        why = _matches_exit(rule.get("onExitCodes"), pod) or _matches_condition(
            rule.get("onPodConditions") or (), pod
        )
        if why:
            return rule["action"], f"{why} matching {rule['action']} rule at index {number}"
    return None, ""


def _matches_exit(wanted: Object | None, pod: Record) -> str:
    if not wanted:
        return ""
    for status in pod.obj["status"].get("containerStatuses") or ():
        code = (status["state"].get("terminated") or {}).get("exitCode", 0)
        if code == 0 or wanted.get("containerName") not in (None, status["name"]):
            continue
        if (code in wanted["values"]) == (wanted["operator"] == "In"):
            place = f"pod {pod.namespace}/{pod.name}"
            return f"Container {status['name']} for {place} failed with exit code {code}"
    return ""


def _matches_condition(patterns: Any, pod: Record) -> str:
    for pattern in patterns:
        for condition in pod.obj["status"].get("conditions") or ():
            same = condition["type"] == pattern["type"]
            if same and condition["status"] == pattern.get("status", "True"):
                place = f"Pod {pod.namespace}/{pod.name}"
                return f"{place} has condition {pattern['type']}"
    return ""


def from_template(job: Record, index: int | None, failures: int) -> Object:
    """The pod to create; with an index it is one of an Indexed Job."""
    template = job.obj["spec"]["template"]
    said = template.get("metadata") or {}
    labels = dict(said.get("labels") or {})
    annotations = dict(said.get("annotations") or {})
    spec = template["spec"]
    prefix = f"{job.name}-"
    if index is not None:
        prefix = f"{job.name}-{index}-"
        labels[INDEX] = annotations[INDEX] = str(index)
        if job.obj["spec"].get("backoffLimitPerIndex") is not None:
            annotations[INDEX_FAILURES] = str(failures)
        spec = {
            **spec,
            "hostname": f"{job.name}-{index}",
            "containers": [_with_index(container) for container in spec["containers"]],
        }
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": job.name,
        "uid": job.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata: Object = {
        "generateName": prefix,
        "labels": labels,
        "finalizers": [*(said.get("finalizers") or ()), TRACKING],
        "ownerReferences": [owner],
    }
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _with_index(container: Object) -> Object:
    source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
    variable = {"name": "JOB_COMPLETION_INDEX", "valueFrom": source}
    return {**container, "env": [*(container.get("env") or ()), variable]}
