"""Defaults and refusals of the built-in kinds, as far as an operator of Jobs meets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from model.errors import invalid
from model.kinds import CLAIMS, CONFIGMAPS, EVENTS, JOBS, PODS, SECRETS, Kind
from model.storage import Object

JOB_NAME = "batch.kubernetes.io/job-name"
CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
OLD_JOB_NAME = "job-name"
OLD_CONTROLLER_UID = "controller-uid"

_POD_SPEC: Object = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_CORE_EVENT = Kind("", "v1", "events", "Event")  # refusals name the old group's kind
_CONTAINER: Object = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}


def on_create(kind: Kind, obj: Object) -> Object:
    rule = _ON_CREATE.get(kind)
    return rule(obj) if rule else obj


def on_update(kind: Kind, obj: Object, old: Object) -> Object:
    if kind is JOBS:
        return _job_update(obj, old)
    if kind is CONFIGMAPS:
        return _check_data(obj)
    return obj


def _job_create(obj: Object) -> Object:
    metadata = obj["metadata"]
    name, uid = metadata["name"], metadata["uid"]
    spec = {
        "parallelism": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        **(obj.get("spec") or {}),
    }
    if "completions" not in spec and "parallelism" not in (obj.get("spec") or {}):
        spec["completions"] = 1
    spec.setdefault(
        "podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
    )
    labels = {
        CONTROLLER_UID: uid,
        JOB_NAME: name,
        OLD_CONTROLLER_UID: uid,
        OLD_JOB_NAME: name,
    }
    template = dict(spec.get("template") or {})
    template["metadata"] = dict(template.get("metadata") or {})
    template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), **labels}
    template["spec"] = _pod_spec(template.get("spec") or {})
    if not spec.get("manualSelector"):
        spec["selector"] = {"matchLabels": {CONTROLLER_UID: uid}}
    spec["template"] = template
    # The server copies a Job's empty labels from its template; ours always have the four above.
    if not metadata.get("labels"):
        metadata = {**metadata, "labels": dict(template["metadata"]["labels"])}
    obj = {**obj, "metadata": metadata, "spec": spec}
    _check_job(obj)
    return obj


def _pod_spec(spec: Object) -> Object:
    containers = [
        {**_CONTAINER, "imagePullPolicy": _pull_policy(container), **container}
        for container in spec.get("containers") or ()
    ]
    return {**_POD_SPEC, **spec, "containers": containers}


def _pull_policy(container: Object) -> str:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def _check_job(obj: Object) -> None:
    name, spec = obj["metadata"]["name"], obj["spec"]
    causes: list[tuple[str, str, str]] = []
    if len(name) > 63:
        # The name becomes a label of the pods, and of the Job by its template's labels.
        text = f'Invalid value: "{name}": must be no more than 63 bytes'
        causes += [("FieldValueInvalid", text, "spec.template.labels")] * 2
    for field in ("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds"):
        value = spec.get(field)
        if isinstance(value, int) and value < 0:
            text = f"Invalid value: {value}: must be greater than or equal to 0"
            causes.append(("FieldValueInvalid", text, f"spec.{field}"))
    if spec["completionMode"] == "Indexed" and spec.get("completions") is None:
        text = "Required value: when completion mode is Indexed"
        causes.append(("FieldValueRequired", text, "spec.completions"))
    if not spec["template"]["spec"]["containers"]:
        path = "spec.template.spec.containers"
        causes.append(("FieldValueRequired", "Required value", path))
    policy = spec["template"]["spec"]["restartPolicy"]
    if policy not in ("Never", "OnFailure"):
        text = f'Unsupported value: "{policy}": supported values: "OnFailure", "Never"'
        kind = "FieldValueNotSupported"
        if policy == "Always":
            text = 'Required value: valid values: "OnFailure", "Never"'
            kind = "FieldValueRequired"
        causes.append((kind, text, "spec.template.spec.restartPolicy"))
    if causes:
        raise invalid(JOBS, name, causes)


def _job_update(obj: Object, old: Object) -> Object:
    spec, before = obj["spec"], old["spec"]
    elastic = (
        spec.get("completionMode") == "Indexed"
        and spec.get("completions") == spec.get("parallelism")
        and before.get("completionMode") == "Indexed"
    )
    fixed = ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"]
    if not elastic:
        fixed.append("completions")
    if not (before.get("suspend") and not old["status"].get("startTime")):
        fixed.append("template")
    for field in fixed:
        if spec.get(field) != before.get(field):
            # The real message dumps the whole Go value here; nobody should read it.
            text = "Invalid value: field is immutable"
            cause = ("FieldValueInvalid", text, f"spec.{field}")
            raise invalid(JOBS, obj["metadata"]["name"], [cause])
    return obj


def _pod_create(obj: Object) -> Object:
    spec = obj.get("spec") or {}
    if not spec.get("containers"):
        cause = ("FieldValueRequired", "Required value", "spec.containers")
        raise invalid(PODS, obj["metadata"]["name"], [cause])
    return {**obj, "spec": {**_pod_spec(spec), "enableServiceLinks": True}}


def _event_create(obj: Object) -> Object:
    causes: list[tuple[str, str, str]] = []
    for field in ("reportingController", "reportingInstance", "action", "reason"):
        value = obj.get(field) or ""
        if not value:
            causes.append(("FieldValueRequired", "Required value", field))
        elif len(value) > 128 and field != "reportingController":
            text = 'Invalid value: "": can have at most 128 characters'
            causes.append(("FieldValueInvalid", text, field))
    if obj.get("type") not in ("Normal", "Warning"):
        text = f'Invalid value: "": has invalid value: {obj.get("type", "")}'
        causes.append(("FieldValueInvalid", text, "type"))
    if not obj.get("eventTime"):
        # Without a time it is an old-style event, of which less is asked.
        causes = [("FieldValueRequired", "Required value", "eventTime")]
    if len(obj.get("note") or "") > 1024:
        text = 'Invalid value: "": can have at most 1024 characters'
        causes.append(("FieldValueInvalid", text, "message"))
    place = (obj.get("regarding") or {}).get("namespace")
    if not place and obj["metadata"].get("namespace") not in ("default", "kube-system"):
        text = 'Invalid value: "": does not match event.namespace'
        causes.append(("FieldValueInvalid", text, "involvedObject.namespace"))
    if causes:
        raise invalid(_CORE_EVENT, obj["metadata"]["name"], causes)
    return obj


def _claim_create(obj: Object) -> Object:
    metadata = obj["metadata"]
    finalizers = [*(metadata.get("finalizers") or ()), "kubernetes.io/pvc-protection"]
    return {**obj, "metadata": {**metadata, "finalizers": finalizers}}


def _secret_create(obj: Object) -> Object:
    return {"type": "Opaque", **obj}


def _check_data(obj: Object) -> Object:
    size = sum(len(str(value).encode()) for value in (obj.get("data") or {}).values())
    if size > 1_048_576:
        text = "Too long: may not be more than 1048576 bytes"
        raise invalid(CONFIGMAPS, obj["metadata"]["name"], [("FieldValueTooLong", text, "[]")])
    return obj


_ON_CREATE: dict[Kind, Callable[[Any], Object]] = {
    JOBS: _job_create,
    PODS: _pod_create,
    EVENTS: _event_create,
    CONFIGMAPS: _check_data,
    CLAIMS: _claim_create,
    SECRETS: _secret_create,
}
