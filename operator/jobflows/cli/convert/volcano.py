"""Volcano: a JobFlow of JobTemplates. Each flow is a step, or a step for each role of its Job.

Roles that run beside each other become steps without an order; that they start together, know each
other's addresses and end together is noted as lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobflows.api.model import API_VERSION, KIND
from jobflows.cli.convert.source import ConversionError, Notes, Part, label, unique

GROUP = "flow.volcano.sh"

Templates = Mapping[str, Mapping[str, Any]]
"""JobTemplates of the same input, by name."""

_JOB_WHY = {
    "queue": "use Kueue: the label kueue.x-k8s.io/queue-name in steps[].metadata.labels",
    "plugins": "pods of a Job know each other by a headless Service that you make",
    "policies": "see retryPolicy and executionPolicy.podFailurePolicy",
    "runningEstimate": "the flow's end is estimated from the steps that are done",
    "networkTopology": "use affinity in the pod",
    "minSuccess": "use successPolicy in the Job",
}
_TASK_WHY = {
    "policies": "see retryPolicy and executionPolicy.podFailurePolicy",
    "topologyPolicy": "use affinity in the pod",
    "dependsOn": "steps wait for the end of others, not for their start",
    "partitionPolicy": "use steps[].array",
}


def convert_jobflow(
    document: Mapping[str, Any], templates: Templates, notes: Notes
) -> dict[str, Any]:
    """A Volcano JobFlow with its JobTemplates as a JobFlow."""
    whole = Part(document, (), notes)
    whole.take("apiVersion", "kind", "status")
    spec = whole.part("spec")
    if spec is None:
        raise ConversionError((), "has no spec")
    policy: dict[str, Any] = {"concurrencyPolicy": "Allow"}
    if spec.take("jobRetainPolicy") == "delete":
        words = "Jobs are deleted with the flow, a day after its end; see ttlSecondsAfterFinished"
        notes.changed(spec.at("jobRetainPolicy"), words)
    steps: list[dict[str, Any]] = []
    ends: dict[str, list[str]] = {}
    flows = spec.parts("flows")
    for flow in flows:
        name = flow.text("name")
        made = _steps(flow, name, templates, notes, [step["name"] for step in steps])
        ends[name] = [step["name"] for step in made]
        steps += made
    by_name = {step["name"]: step for step in steps}
    for flow in flows:
        for target in _targets(flow):
            if target not in ends:
                raise ConversionError(flow.path, f"waits for '{target}', which is no flow of it")
            for name in ends[flow.text("name")]:
                by_name[name].setdefault("dependencies", []).extend(ends[target])
    whole_metadata = _metadata(whole)
    whole.left_over()
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": whole_metadata,
        "spec": {"executionPolicy": policy, "steps": [_ordered(step) for step in steps]},
    }


def _targets(flow: Part) -> list[str]:
    depends = flow.part("dependsOn")
    if depends is None:
        return []
    depends.lose("probe", "a step waits for the end of others; Volcano never read probes")
    depends.lose("strategy", "a step waits for all of them; another answer is for when")
    return depends.listing("targets", "strings")


def _steps(
    flow: Part, name: str, templates: Templates, notes: Notes, taken: list[str]
) -> list[dict[str, Any]]:
    _targets(flow)
    flow.lose("patch", "Volcano does not apply it; change the step")
    found = templates.get(name)
    if found is None:
        words = f"JobTemplate '{name}' is not among the files; a Manual step stands in its place"
        notes.lost(flow.path, words)
        message = f"JobTemplate {name} was not converted: do it by hand, then approve"
        return [{"name": unique(label(name), taken), "type": "Manual", "message": message}]
    job = flow.inside(found.get("spec"), ("JobTemplate", name, "spec"))
    tasks = job.parts("tasks")
    if not tasks:
        raise ConversionError(job.path, "has no tasks")
    for key, why in _JOB_WHY.items():
        job.lose(key, why)
    if len(tasks) > 1:
        words = "its tasks become steps that start one by one, without gang scheduling"
        notes.lost(job.at("tasks"), words)
    least, pods = job.number("minAvailable"), sum(task.number("replicas") or 1 for task in tasks)
    if least is not None and least != pods:
        notes.lost(job.at("minAvailable"), "all pods have to succeed, and start one by one")
    elif pods > 1:
        notes.changed(job.at("minAvailable"), "pods start one by one; Kueue starts them together")
    shared = _shared(job)
    made: list[dict[str, Any]] = []
    for task in tasks:
        role = task.text("name")
        several = f"{name}-{role}" if len(tasks) > 1 else name
        unused = [*taken, *(step["name"] for step in made)]
        made.append(_step(task, unique(label(several), unused), job, shared))
    return made


def _step(task: Part, name: str, job: Part, shared: dict[str, Any]) -> dict[str, Any]:
    for key, why in _TASK_WHY.items():
        task.lose(key, why)
    replicas = task.number("replicas") or 1
    least = task.number("minAvailable")
    if least is not None and least != replicas:
        task.notes.lost(task.at("minAvailable"), "all pods have to succeed")
    template = task.part("template")
    if template is None:
        raise ConversionError(task.path, "has no template")
    pod = dict(template.mapping("spec"))
    _check_lists(Part(dict(pod), template.at("spec"), task.notes))
    pod |= {key: value for key, value in shared["pod"].items() if key not in pod}
    _mount(pod, shared["volumes"])
    inner: dict[str, Any] = {"spec": pod}
    if metadata := template.mapping("metadata"):
        inner = {"metadata": metadata, **inner}
    spec: dict[str, Any] = {}
    if replicas != 1:
        spec = {"completions": replicas, "parallelism": replicas, "completionMode": "Indexed"}
    if (ttl := shared["ttl"]) is not None:
        spec["ttlSecondsAfterFinished"] = ttl
    step: dict[str, Any] = {"name": name}
    retries = task.number("maxRetry")
    retries = shared["retries"] if retries is None else retries
    if retries is not None:
        step["retryPolicy"] = {"limit": retries}
    step["template"] = {"spec": {**spec, "template": inner}}
    if pod.get("restartPolicy") == "Always":
        pod.pop("restartPolicy")
        words = "a Job's pod restarts Never or OnFailure; left out"
        job.notes.changed((*template.at("spec"), "restartPolicy"), words)
    return step


def _check_lists(pod: Part) -> None:
    """That what volumes are mounted into can be mounted into; the rest passes by."""
    for container in pod.parts("containers"):
        container.listing("volumeMounts")
        container.ignore()
    pod.listing("volumes")
    pod.ignore()


def _shared(job: Part) -> dict[str, Any]:
    """What all tasks of a Job have in common."""
    pod: dict[str, Any] = {}
    scheduler = job.take("schedulerName")
    if scheduler not in (None, "volcano", "default-scheduler"):
        pod["schedulerName"] = scheduler
    elif scheduler == "volcano":
        job.notes.changed(job.at("schedulerName"), "pods go to the cluster's own scheduler")
    if priority := job.take("priorityClassName"):
        pod["priorityClassName"] = priority
    volumes = []
    for part in job.parts("volumes"):
        part.lose("volumeClaim", "write resourceTemplates.volumeClaimTemplates")
        mount, claim = part.take("mountPath"), part.take("volumeClaimName")
        if mount and claim:
            volumes.append((str(mount), str(claim)))
    ttl = job.number("ttlSecondsAfterFinished")
    return {"pod": pod, "volumes": volumes, "ttl": ttl, "retries": job.number("maxRetry")}


def _mount(pod: dict[str, Any], volumes: list[tuple[str, str]]) -> None:
    """Volumes that Volcano mounts into every container."""
    for number, (path, claim) in enumerate(volumes):
        name = f"volume-{number}"
        source = {"name": name, "persistentVolumeClaim": {"claimName": claim}}
        pod["volumes"] = [*pod.get("volumes", ()), source]
        pod["containers"] = [
            {
                **each,
                "volumeMounts": [*each.get("volumeMounts", ()), {"name": name, "mountPath": path}],
            }
            for each in pod.get("containers") or ()
        ]


def _metadata(document: Part) -> dict[str, Any]:
    found = document.part("metadata")
    if found is None:
        raise ConversionError((), "has no metadata")
    kept = ("name", "generateName", "namespace", "labels", "annotations")
    made = {key: found.take(key) for key in kept if key in found}
    found.ignore()
    return made


def _ordered(step: dict[str, Any]) -> dict[str, Any]:
    """Dependencies where people look for them."""
    first = {key: step[key] for key in ("name", "type", "message", "dependencies") if key in step}
    return first | step
