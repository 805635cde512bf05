"""A pod that has more than its template says, because earlier attempts had too little.

Called by `job.py` for attempts whose resources have grown. Only the main container grows; its
request and its limit keep the ratio that they have in the template.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from jobflows.api.containers import amount, main_container
from jobflows.api.placeholders import substitute
from jobflows.api.policy import RetryPolicy
from jobflows.api.quantities import format_bytes, format_millis, to_bytes, to_millis
from jobflows.engine import Grown, fallback_for

MEBIBYTE = 2**20


def grow_pod(
    pod: Mapping[str, Any], retry: RetryPolicy, grown: Grown, values: Mapping[str, str]
) -> dict[str, Any]:
    """Return the pod spec with what has grown, at the place that has room for it.

    `pod` has its placeholders filled in; those of a fallback are filled in from `values`.
    """
    main = main_container({"spec": {"template": {"spec": pod}}})
    containers = [_grow_container(c, grown) if c is main else c for c in pod["containers"]]
    moved: dict[str, Any] = {**pod, "containers": containers}
    fallback = fallback_for(retry, grown)
    if fallback is None:
        return moved
    if fallback.node_selector:
        chosen = substitute(fallback.node_selector, values)
        moved["nodeSelector"] = {**(pod.get("nodeSelector") or {}), **chosen}
    if fallback.tolerations:
        tolerated = substitute(fallback.tolerations, values)
        moved["tolerations"] = [*(pod.get("tolerations") or ()), *tolerated]
    if fallback.priority_class_name is not None:
        moved["priorityClassName"] = substitute(fallback.priority_class_name, values)
    return moved


def _grow_container(container: Mapping[str, Any], grown: Grown) -> dict[str, Any]:
    resources = dict(container.get("resources") or {})
    for resource, wanted, read, unit, write in (
        ("memory", grown.memory, to_bytes, MEBIBYTE, format_bytes),
        ("cpu", grown.cpu, to_millis, 1, format_millis),
    ):
        said = amount(container, resource)
        if wanted is None or said is None or wanted <= read(said):
            continue
        for kind in ("requests", "limits"):
            amounts = resources.get(kind) or {}
            if resource in amounts:
                part = Fraction(read(amounts[resource]), read(said)) * wanted
                share = min(wanted, math.ceil(part / unit) * unit)
                resources[kind] = {**amounts, resource: write(share)}
    return {**container, "resources": resources}
