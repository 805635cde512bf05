"""The same work as the manifest of one controller or another, on simulated pods.

What a pod does is told by its annotations (`cluster/stages`), which every controller copies from
its templates. The graph, the images and the limits on retries are the same for all.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from bench.shapes import pod_spec
from bench.stand_in import MANAGER
from load.work import MOST_FAILURES, Task, Work

Object = dict[str, Any]

Pods = Literal["full", "cheap", "none"]
"""What a step costs the control plane: all of a pod's life; a pod that names its node and wants no
token, which is four calls and not ten; or nothing but its Job, which a stand-in finishes."""

UNSHARED = 100
"""Steps of a flow that say their Job each for itself; more of them would not fit into an object."""

CHEAP = {"nodeName": "sim-0", "automountServiceAccountToken": False}


class UnableError(Exception):
    """This work cannot be given to that controller."""


def as_jobflow(work: Work, pods: Pods = "full") -> Object:
    """A JobFlow. A step that fails first is tried again at once; many steps share templates."""
    steps = [_step(work, name, pods) for name in work.dag]
    spec: Object = {"steps": steps}
    if len(steps) > UNSHARED:
        known: dict[str, str] = {}
        for step in steps:
            body = json.dumps(step.pop("template"))
            step["templateRef"] = known.setdefault(body, f"t{len(known)}")
        spec["templates"] = [
            {"name": name, "template": json.loads(body)} for body, name in known.items()
        ]
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": work.name},
        "spec": spec,
    }


def _step(work: Work, name: str, pods: Pods) -> Object:
    task = work.tasks.get(name, Task())
    script = _script(task)
    if task.failures:
        script["sim.jobflow/outcome"] = "fail"
        # A pod's name has the number of its attempt: STEP-ATTEMPT-abcde, with an index in arrays.
        index = "-[0-9]+" if work.array else ""
        script["sim.jobflow/only-pods"] = f"-[1-{task.failures}]{index}-[a-z0-9]{{5}}$"
    pod: Object = {"spec": pod_spec() | (CHEAP if pods == "cheap" else {})}
    if script and pods == "none":
        raise UnableError("Jobs without pods end at once: leave --duration and --fail out")
    if script:
        pod["metadata"] = {"annotations": script}
    managed = {"managedBy": MANAGER} if pods == "none" else {}
    step: Object = {"name": name, "template": {"spec": {**managed, "template": pod}}}
    if work.dag[name]:
        step["dependencies"] = list(work.dag[name])
    if work.array:
        step["array"] = {"count": work.array}
        if work.at_once:
            step["array"]["parallelism"] = work.at_once
    if task.failures:
        wait = {"type": "Fixed", "duration": "100ms", "jitter": 0}
        step["retryPolicy"] = {"limit": MOST_FAILURES, "backoff": wait}
    return step


def as_argo(work: Work, pods: Pods = "full") -> Object:
    """An Argo Workflow: a DAG with a template for each step, so that pods carry its name.

    Raises UnableError for steps that fail first: its pods do not tell one attempt from the next.
    """
    if pods == "none":
        raise UnableError("argo makes pods, not Jobs: leave --pods none out")
    if any(task.failures for task in work.tasks.values()):
        raise UnableError("failures cannot be scripted for argo: leave --fail out")
    tasks: list[Object] = []
    templates: list[Object] = []
    for name, needs in work.dag.items():
        task: Object = {"name": name, "template": name}
        if needs:
            task["dependencies"] = list(needs)
        if work.array:
            task["withSequence"] = {"count": str(work.array)}
        tasks.append(task)
        script = _script(work.tasks.get(name, Task())) | {"sim.jobflow/outcome": "succeed"}
        container = {"image": "busybox:1.36", "command": ["true"]}
        template: Object = {"name": name, "metadata": {"annotations": script}}
        template["container"] = container
        if pods == "cheap":
            template |= {"nodeSelector": {"kubernetes.io/hostname": CHEAP["nodeName"]}}
            template |= {"automountServiceAccountToken": False}
        templates.append(template)
    spec: Object = {
        "entrypoint": "all",
        "templates": [{"name": "all", "dag": {"tasks": tasks}}, *templates],
    }
    if work.at_once:
        spec["parallelism"] = work.at_once
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": work.name},
        "spec": spec,
    }


def _script(task: Task) -> dict[str, str]:
    return {"sim.jobflow/run-for": f"{task.seconds:g}s"} if task.seconds else {}
