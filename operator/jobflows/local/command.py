"""One container as a command of this machine.

Kept: command, args, env with the kubelet's expansion, workingDir, volumes, the termination message,
the memory limit. Dropped, because only a container engine can give it: the image, its user, the CPU
limit, ports, probes.
The environment of the caller (PATH, HOME, …) stands in for that of the image, and without a
`workingDir` the process starts in the directory where the run was started.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobflows.api.quantities import QuantityError, to_bytes
from jobflows.local.environment import build_environment
from jobflows.local.expansion import expand
from jobflows.local.paths import PathMap
from jobflows.local.sources import Sources
from jobflows.local.unavailable import UnavailableError
from jobflows.local.volumes import mounts

TERMINATION_PATH = "/dev/termination-log"
"""Kubernetes' default of terminationMessagePath."""

TERMINATION_VARIABLE = "JOBFLOW_TERMINATION_LOG"
"""Tells a program where to leave its termination message when it cannot be told by its text."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process to start. Arguments and environment may hold secrets and have no repr."""

    container: str
    argv: tuple[str, ...] = field(repr=False)
    env: Mapping[bytes, bytes] = field(repr=False)
    cwd: str | None
    log: Path
    termination: Path
    logs_as_message: bool
    """Whether the end of the log is the message of a failure that left none."""
    memory: int | None = None
    """Bytes that it and all it starts may use together."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the containers of one pod share."""

    step: str
    directory: Path
    volumes: Mapping[str, Path]
    metadata: Mapping[str, Any]
    """The pod's: name, namespace, labels, annotations."""
    sources: Sources
    base: Mapping[bytes, bytes] = field(repr=False)
    """Environment of every process of the run, encoded once for all of them."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """What Kubernetes adds to this pod: JOB_COMPLETION_INDEX."""


def build_command(container: Mapping[str, Any], place: Place) -> Command:
    """Translate one container. Raises `UnavailableError` for what only a cluster has."""
    name = container["name"]
    if not container.get("command"):
        raise UnavailableError(
            f"step {place.step} has no command",
            "its image's entrypoint cannot run without a container engine",
            f"Write `command` in container {name}",
        )
    declared = {**place.extra, **build_environment(container, place.metadata, place.sources)}
    termination = place.directory / f"{name}.termination"
    replace = PathMap(
        {
            container.get("terminationMessagePath") or TERMINATION_PATH: termination,
            **mounts(container, place.volumes, declared),
        }
    )
    words = [*container["command"], *(container.get("args") or ())]
    env = {key: replace(value) for key, value in declared.items()}
    env[TERMINATION_VARIABLE] = str(termination)
    return Command(
        container=name,
        argv=tuple(replace(expand(str(word), declared)) for word in words),
        env={**place.base, **{os.fsencode(k): os.fsencode(v) for k, v in env.items()}},
        cwd=_directory(container, replace),
        log=place.directory / f"{name}.log",
        termination=termination,
        logs_as_message=container.get("terminationMessagePolicy") == "FallbackToLogsOnError",
        memory=_memory_limit(container),
    )


def _memory_limit(container: Mapping[str, Any]) -> int | None:
    limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    try:
        return None if limit is None else to_bytes(limit)
    except QuantityError as error:
        where = f"container {container['name']}, resources.limits.memory"
        raise UnavailableError(where, str(error), error.cure) from None


def _directory(container: Mapping[str, Any], replace: PathMap) -> str | None:
    wanted = container.get("workingDir")
    if not wanted:
        return None
    directory = replace(wanted)
    if not os.path.isdir(directory):
        raise UnavailableError(
            f"container {container['name']}, workingDir",
            f"{directory} is no directory on this machine",
            "Leave it out, or mount a volume there",
        )
    return directory
