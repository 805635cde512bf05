"""What a kind of task should ask for: a percentile of what it used, and a margin on top.

Asking for less than the largest need is not a mistake: the few tasks that exceed it are tried again
with more, which costs their time once, while all the others cost less from the start. Both sides
are told, so that a person can choose another percentile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobflows.api.quantities import to_millis
from jobflows.usage.samples import Usage

PERCENTILE = 95.0
"""Part of the tasks, in percent, that is to fit at once, unless somebody says otherwise."""

MARGIN = 0.1
"""What is asked for on top of it, as a part."""

MEBI = 1 << 20
LEAST_MEMORY = 16
"""Mi; less than that is no container."""

LEAST_CPU = 10
"""Thousandths of a core."""

LEAST_TIMEOUT = 60
"""Seconds; a quick step may have to wait for its image or a slow disk."""

GROWTH = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Memory in Mi, CPU in thousandths of a core, a time limit in seconds; None: not known.

    `retries` is the part of tasks that will run out of memory once, and so be run twice. `saved` is
    the part of memory by time that is not asked for, both attempts counted, compared with asking
    for the largest need at once.
    """

    name: str
    memory: int | None
    cpu: int | None
    timeout: int | None
    retries: float | None
    saved: float | None


def advise(usage: Usage, *, percentile: float = PERCENTILE, margin: float = MARGIN) -> Advice:
    """Advice for one kind of task; `margin` is a part, such as 0.1."""
    need = usage.memory.percentile(percentile)
    memory = None if need is None else max(LEAST_MEMORY, _up(need * (1 + margin) / MEBI))
    cores = usage.cores.percentile(percentile)
    cpu = None if cores is None else max(LEAST_CPU, _up(cores * (1 + margin) * 100) * 10)
    longest = None if usage.wall.cut else usage.wall.largest
    timeout = None if longest is None else max(LEAST_TIMEOUT, _up(longest * (1 + margin) * 2))
    retries = None if memory is None else usage.memory.share_above(memory * MEBI)
    return Advice(
        name=usage.name,
        memory=memory,
        cpu=cpu,
        timeout=timeout,
        retries=retries,
        saved=_saved(usage, memory, retries, margin),
    )


def _up(amount: float) -> int:
    """The next whole number, past what floating point adds to a whole one."""
    return math.ceil(round(amount, 6))


def _saved(usage: Usage, memory: int | None, retries: float | None, margin: float) -> float | None:
    largest = usage.memory.largest
    if memory is None or retries is None or largest is None:
        return None
    at_once = max(LEAST_MEMORY, _up(largest * (1 + margin) / MEBI))
    asked = memory + retries * GROWTH * memory
    return max(0.0, 1 - asked / at_once)


def with_advice(document: dict[str, Any], advice: Mapping[str, Advice]) -> dict[str, Any]:
    """A flow with the advice put in, by the name of a step or of a template."""
    spec = document["spec"]
    made = {**document, "spec": {**spec}}
    shared = (spec.get("executionPolicy") or {}).get("retryPolicy")
    for key in ("templates", "steps", "onExit"):
        if spec.get(key):
            made["spec"][key] = [
                _advised(each, advice.get(each["name"]), retried=shared is not None)
                for each in spec[key]
            ]
    return made


def _advised(each: dict[str, Any], advice: Advice | None, *, retried: bool) -> dict[str, Any]:
    """A step or a template with its main container's resources set; others as they are.

    `retried` is whether the flow has retries for all: where nobody has any, only running out of
    memory gets some.
    """
    if advice is None or not isinstance(each.get("template"), dict):
        return each
    made = dict(each)
    if advice.timeout is not None:
        made["timeoutSeconds"] = advice.timeout
    if advice.retries:
        policy = dict(made.get("retryPolicy") or ({} if retried else {"limit": 0}))
        policy["resources"] = {"memory": {"factor": GROWTH}} | dict(policy.get("resources") or {})
        policy["onOutOfMemory"] = {"limit": 3} | dict(policy.get("onOutOfMemory") or {})
        made["retryPolicy"] = policy
    made["template"] = _with_resources(each["template"], advice)
    return made


def _with_resources(template: dict[str, Any], advice: Advice) -> dict[str, Any]:
    pod = template["spec"]["template"]["spec"]
    containers = list(pod["containers"])
    at = next((i for i, c in enumerate(containers) if c.get("name") == "main"), 0)
    resources = dict(containers[at].get("resources") or {})
    requests, limits = dict(resources.get("requests") or {}), dict(resources.get("limits") or {})
    if advice.memory is not None:
        requests["memory"] = limits["memory"] = f"{advice.memory}Mi"
    if advice.cpu is not None:
        requests["cpu"] = f"{advice.cpu}m"
        if "cpu" in limits:  # which may not be below the request
            limits["cpu"] = f"{max(advice.cpu, to_millis(limits['cpu']))}m"
    kept = {"requests": requests, "limits": limits}
    resources |= {key: value for key, value in kept.items() if value}
    containers[at] = {**containers[at], "resources": resources}
    inner = template["spec"]["template"]
    return {
        **template,
        "spec": {
            **template["spec"],
            "template": {**inner, "spec": {**pod, "containers": containers}},
        },
    }
