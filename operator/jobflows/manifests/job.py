"""One attempt of a step as a `batch/v1` Job.

What the template says is kept; only this is added or changed:
- name, namespace, owner, and the labels by which attempts are found again;
- the locks that it holds, as an annotation of Job and pod, so that they are known for as long as
  anything of it lives, whatever becomes of the flow;
- `restartPolicy: Never` and `backoffLimit: 0` where the template is silent: retries are the
  flow's, counted and spaced by `retryPolicy`, and not multiplied by the Job's own six;
- `ttlSecondsAfterFinished` is taken off: the operator deletes the Job itself, after the outcome is
  on record;
- resources of the main container, and where it may run, once they have grown (`growth.py`);
- `terminationMessagePolicy: FallbackToLogsOnError` where silent, so that `kubectl describe` can
  tell why a step failed.

Nothing more, because each field of a Job is stored, tracked and copied in some ten writes of the
API server and its controllers for every attempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobflows.api.array import TaskValues
from jobflows.api.placeholders import CONTEXT, inline_arguments, substitute
from jobflows.api.policy import PodFailureRule
from jobflows.engine import UNGROWN, CompiledFlow, StartAttempt, timeout_of
from jobflows.engine.indexes import IndexSet
from jobflows.engine.values import argument_values
from jobflows.manifests import labels
from jobflows.manifests.batch import give_tasks, index_job
from jobflows.manifests.growth import grow_pod
from jobflows.manifests.parameters import (
    Referenced,
    fill_container,
    fillings,
    referenced_parameters,
)
from jobflows.manifests.resources import (
    claim_names,
    config_map_names,
    flow_labels,
    owner_reference,
)


def build_job(
    flow: CompiledFlow, start: StartAttempt, *, shard: int | None = None
) -> dict[str, Any]:
    """Return the manifest of the attempt that a plan asks for.

    `shard` is the bucket of the flow, which nobody knows who only renders it.
    """
    compiled, tasks = flow.steps[start.step], start.tasks
    spec, template = compiled.spec, compiled.template
    job_spec: dict[str, Any] = dict(template.get("spec") or {})
    job_spec.pop("ttlSecondsAfterFinished", None)
    pod: dict[str, Any] = dict(job_spec.get("template") or {})
    values = {**start.parameters, **_context(flow, spec.name, start.number)}
    values |= argument_values(spec.arguments, values)
    marks = {
        **flow_labels(flow),
        labels.STEP: spec.name,
        labels.ATTEMPT: str(start.number),
        **({} if shard is None else {labels.SHARD: str(shard)}),
    }
    maps = config_map_names(flow.name, flow.resources)
    filling = _Filling(
        values,
        referenced_parameters(spec.inputs.parameters, maps),
        maps,
        claim_names(flow.name, flow.resources),
        spec.arguments,
        tasks,
        start.values,
    )
    pod_metadata = substitute(pod.get("metadata") or {}, values)
    pod_marks = {k: v for k, v in marks.items() if not tasks or k != labels.MANAGED_BY}
    locks = labels.write_locks(compiled.locks)
    pod["metadata"] = {
        **pod_metadata,
        "labels": {**labels.without_ours(pod_metadata.get("labels")), **pod_marks},
    }
    if locks or pod_metadata.get("annotations"):
        foreign = labels.without_ours(pod_metadata.get("annotations"))
        pod["metadata"]["annotations"] = {**foreign, **locks}
    pod["spec"] = _pod_spec(pod.get("spec") or {}, filling)
    if start.resources != UNGROWN:
        pod["spec"] = grow_pod(pod["spec"], compiled.retry, start.resources, values)
    job_spec = {
        **substitute({k: v for k, v in job_spec.items() if k != "template"}, values),
        "template": pod,
    }
    if tasks:
        index_job(job_spec, tasks, timeout_of(compiled, start.resources))
    _settle_failure_policy(flow, job_spec)
    metadata = substitute(template.get("metadata") or {}, values)
    own = substitute(spec.metadata.model_dump(), values)
    foreign = {**(metadata.get("annotations") or {}), **own["annotations"]}
    annotations = {**labels.without_ours(foreign), **locks}
    if tasks:
        annotations[labels.TASKS] = str(tasks)
    if start.items_per_task:
        annotations[labels.MAP_BLOCK] = str(start.items_per_task)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": labels.job_name(flow.name, spec.name, start.number),
            "namespace": flow.namespace,
            "labels": {
                **labels.without_ours({**(metadata.get("labels") or {}), **own["labels"]}),
                **marks,
            },
            **({"annotations": annotations} if annotations else {}),
            "ownerReferences": [owner_reference(flow)],
        },
        "spec": job_spec,
    }


def _context(flow: CompiledFlow, step: str, attempt: int) -> dict[str, str]:
    facts = (flow.name, flow.namespace, step, str(attempt))
    return dict(zip(CONTEXT, facts, strict=True))


@dataclass(frozen=True, slots=True)
class _Filling:
    """What goes into the places that the template leaves open."""

    values: Mapping[str, str]
    references: Mapping[str, Referenced]
    maps: Mapping[str, str]
    claims: Mapping[str, str]
    arguments: Mapping[str, str]
    tasks: IndexSet
    task_values: TaskValues | None


def _pod_spec(template: Mapping[str, Any], filling: _Filling) -> dict[str, Any]:
    groups = ("initContainers", "containers")
    rest = {key: value for key, value in template.items() if key not in groups}
    pod: dict[str, Any] = {"restartPolicy": "Never", **substitute(rest, filling.values)}
    for group in groups:
        if template.get(group):
            pod[group] = [_container(container, filling) for container in template[group]]
    if pod.get("volumes"):
        pod["volumes"] = [
            _rename(volume, filling.maps, filling.claims) for volume in pod["volumes"]
        ]
    return pod


def _container(template: Mapping[str, Any], filling: _Filling) -> dict[str, Any]:
    maps = filling.maps
    container = fill_container(template, filling.values, filling.references, filling.arguments)
    if filling.task_values is not None:
        known = fillings(filling.values, filling.references, filling.arguments)
        template = inline_arguments(template, filling.arguments)
        give_tasks(container, template, known, filling.tasks, filling.task_values)
    if container.get("env"):
        container["env"] = [_rename(variable, maps, {}) for variable in container["env"]]
    if container.get("envFrom"):
        container["envFrom"] = [_rename(source, maps, {}) for source in container["envFrom"]]
    container.setdefault("terminationMessagePolicy", "FallbackToLogsOnError")
    return container


def _rename(tree: Any, maps: Mapping[str, str], claims: Mapping[str, str]) -> Any:
    """Replace template names by object names wherever a volume or variable refers to one."""
    if isinstance(tree, list):
        return [_rename(item, maps, claims) for item in tree]
    if not isinstance(tree, dict):
        return tree
    renamed = {}
    for key, value in tree.items():
        if key in ("configMap", "configMapRef", "configMapKeyRef") and isinstance(value, dict):
            name = value.get("name")
            renamed[key] = {**value, "name": maps.get(name, name)} if name else value
        elif key == "persistentVolumeClaim" and isinstance(value, dict):
            name = value.get("claimName", "")
            renamed[key] = {**value, "claimName": claims.get(name, name)}
        else:
            renamed[key] = _rename(value, maps, claims)
    return renamed


def _settle_failure_policy(flow: CompiledFlow, job: dict[str, Any]) -> None:
    """Fill in `backoffLimit`, and hand the flow's FailJob rules to a Job that retries by itself.

    Ignore and Count mean something else to a Job (start the pod again) than to a flow (do not fail
    the step), so they stay with the engine.
    """
    if job["template"]["spec"]["restartPolicy"] != "Never":
        return
    if "backoffLimitPerIndex" not in job:  # which would be worth nothing beside a 0
        job.setdefault("backoffLimit", 0)
    rules = [
        {
            "action": "FailJob",
            "onExitCodes": {
                "containerName": rule.on_exit_codes.container_name,
                "operator": rule.on_exit_codes.operator,
                "values": values,
            },
        }
        for rule in flow.failure_rules
        if rule.action == "FailJob"
        and (values := _exit_codes(rule))
        and _has_container(job, rule.on_exit_codes.container_name)
    ]
    if rules and job.get("backoffLimit") != 0:
        job.setdefault("podFailurePolicy", {"rules": rules})


def _exit_codes(rule: PodFailureRule) -> list[int]:
    """Kubernetes refuses 0 with In, where it can match nothing; NotIn 0 is every failure."""
    values = set(rule.on_exit_codes.values)
    return sorted(values - {0} if rule.on_exit_codes.operator == "In" else values)


def _has_container(job: Mapping[str, Any], name: str) -> bool:
    pod = job["template"]["spec"]
    groups = [*(pod.get("containers") or ()), *(pod.get("initContainers") or ())]
    return any(container.get("name") == name for container in groups)
