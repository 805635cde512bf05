"""The environment of a container: `envFrom`, then `env` in order, as the kubelet builds it.

A value may use `$(NAME)` of variables before it. Values that only a cluster knows are refused, not
left empty: an empty password that was meant to be a Secret is found much later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jobflows.local.expansion import expand
from jobflows.local.sources import Sources
from jobflows.local.unavailable import UnavailableError

_FROM_MAP = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


def build_environment(
    container: Mapping[str, Any], metadata: Mapping[str, Any], sources: Sources
) -> dict[str, str]:
    """Return the variables that the container declares.

    `metadata` is the pod's. Raises `UnavailableError` for a value that is not to be had here.
    """
    where = f"container {container.get('name')}"
    env: dict[str, str] = {}
    for index, source in enumerate(container.get("envFrom") or ()):
        env |= _all_of(source, sources, f"{where}, envFrom[{index}]")
    for variable in container.get("env") or ():
        name = variable["name"]
        origin = variable.get("valueFrom")
        if origin is None:
            env[name] = expand(str(variable.get("value") or ""), env)
            continue
        value = _value_from(origin, metadata, sources, f"{where}, env {name}")
        if value is not None:
            env[name] = value
    return env


def _all_of(source: Mapping[str, Any], sources: Sources, where: str) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    if (ref := source.get("configMapRef")) is not None:
        if ref.get("optional") and ref.get("name") not in sources.maps:
            return {}
        files = sources.files(ref.get("name", ""), where)
        return {prefix + key: value.decode(errors="replace") for key, value in files.items()}
    ref = source.get("secretRef") or {}
    if ref.get("optional"):
        return {}
    raise UnavailableError(
        f"{where}.secretRef",
        f"Secret {ref.get('name')} is on the cluster only",
        "Read its keys through input parameters and give those with --param NAME=VALUE",
    )


def _value_from(
    origin: Mapping[str, Any], metadata: Mapping[str, Any], sources: Sources, where: str
) -> str | None:
    match origin:
        case {"configMapKeyRef": ref}:
            return sources.text("ConfigMap", ref, where)
        case {"secretKeyRef": ref}:
            return sources.text("Secret", ref, where)
        case {"fieldRef": {"fieldPath": "metadata.name" | "metadata.namespace" as path}}:
            return str(metadata.get(path.removeprefix("metadata.")) or "")
        case {"fieldRef": {"fieldPath": str(path)}} if found := _FROM_MAP.fullmatch(path):
            return str((metadata.get(found[1]) or {}).get(found[2], ""))
        case {"fieldRef": {"fieldPath": path}}:
            raise UnavailableError(
                f"{where}, fieldRef", f"{path} is known on a cluster only", "Give it a plain value"
            )
    raise UnavailableError(
        where, f"{', '.join(origin)} is known on a cluster only", "Give it a plain value"
    )
