"""Volumes of a pod as directories.

| volume | here |
|---|---|
| emptyDir | a directory of the pod |
| persistentVolumeClaim | a directory of the run, shared by all steps |
| configMap | files written from the flow's `resourceTemplates` |

Anything else belongs to a cluster or a node and is refused. `readOnly` is not enforced.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobflows.local.expansion import expand
from jobflows.local.sources import Sources
from jobflows.local.unavailable import UnavailableError
from jobflows.local.workdir import VOLUMES

_CURE = "Use an emptyDir, a persistentVolumeClaim or a configMap of spec.resourceTemplates"
_NO_SOURCE = {"name"}


def make_volumes(
    pod: Mapping[str, Any], *, workdir: Path, pod_dir: Path, sources: Sources
) -> dict[str, Path]:
    """Create the volumes of a pod and return their directories by name.

    Raises `UnavailableError` for a volume that only a cluster has.
    """
    volumes = {}
    for index, volume in enumerate(pod.get("volumes") or ()):
        name = volume["name"]
        place = pod_dir / VOLUMES / name
        where = f"volumes[{index}] ({name})"
        match volume:
            case {"persistentVolumeClaim": {"claimName": claim}}:
                place = workdir / VOLUMES / claim
            case {"configMap": {} as source}:
                _write_files(place, source, sources, where)
            case {"emptyDir": _} if place.exists():  # of a try of this pod that failed
                shutil.rmtree(place)
            case {"emptyDir": _}:
                pass
            case {"secret": {"secretName": secret}}:
                cure = "Read its keys through input parameters and give those with --param"
                raise UnavailableError(
                    f"{where}.secret", f"Secret {secret} is on the cluster only", cure
                )
            case _:
                kinds = sorted(set(volume) - _NO_SOURCE) or ["emptyDir"]
                if kinds != ["emptyDir"]:  # a volume without any source is an emptyDir
                    raise UnavailableError(
                        f"{where}.{kinds[0]}", "cannot be had on one machine", _CURE
                    )
        place.mkdir(parents=True, exist_ok=True)
        volumes[name] = place
    return volumes


def mounts(
    container: Mapping[str, Any], volumes: Mapping[str, Path], env: Mapping[str, str]
) -> dict[str, Path]:
    """What a container sees: its mount paths, and the directories or files that stand for them."""
    seen = {}
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        name = mount.get("name")
        if name not in volumes:
            where = f"container {container.get('name')}, volumeMounts[{index}]"
            raise UnavailableError(where, f"there is no volume {name}", "Add it to volumes")
        inner = mount.get("subPath") or expand(mount.get("subPathExpr") or "", env)
        place = volumes[name] / inner if inner else volumes[name]
        if not place.resolve().is_relative_to(volumes[name].resolve()):
            where = f"container {container.get('name')}, volumeMounts[{index}].subPath"
            raise UnavailableError(where, f"{inner} leaves the volume", "Write a path inside it")
        if not place.exists():
            place.mkdir(parents=True)
        seen[mount["mountPath"]] = place
    return seen


def _write_files(place: Path, source: Mapping[str, Any], sources: Sources, where: str) -> None:
    name = source.get("name", "")
    if source.get("optional") and name not in sources.maps:
        return
    files = sources.files(name, f"{where}.configMap")
    items = source.get("items") or [{"key": key, "path": key} for key in files]
    for item in items:
        if item["key"] not in files:
            if source.get("optional"):
                continue
            raise UnavailableError(
                f"{where}.configMap.items", f"ConfigMap {name} has no key {item['key']}", "Add it"
            )
        file = place / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(files[item["key"]])
        file.chmod(item.get("mode") or source.get("defaultMode") or 0o644)
