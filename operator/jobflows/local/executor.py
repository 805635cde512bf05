"""What runs the attempts of a run: one small interface, and those that come with the project.

An executor gets the manifest of a Job, the same as the operator would send to the API server, and
gives back an attempt that can be run to its end, stopped and killed. Programs may bring their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from jobflows.engine import Attempt, Instant
from jobflows.local.errors import ExecutorError
from jobflows.local.job import JobAttempt, Surroundings
from jobflows.local.usage import Usage


class RunningAttempt(Protocol):
    """One attempt of a step. `running` is how it is seen while it runs."""

    running: Attempt
    usage: Usage

    async def run(self) -> Attempt:
        """Run it to its end, and say how it ended. Called once."""

    def stop(self) -> None:
        """End it, and leave it the time that it asks for."""

    def kill(self) -> None:
        """End it at once."""


class Executor(Protocol):
    """Makes attempts out of Jobs. `width` is how many it can run at once, None without a limit."""

    @property
    def name(self) -> str: ...
    @property
    def width(self) -> int | None: ...
    def attempt(
        self,
        step: str,
        number: int,
        job: Mapping[str, Any],
        around: Surroundings,
        *,
        created: Instant,
    ) -> RunningAttempt:
        """An attempt that does not run yet."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Containers as processes of this machine (`job.py`).

    With `kernel_limits` the kernel keeps memory limits where it lets us; else they are measured.
    """

    name: str = "process"
    width: int | None = None
    kernel_limits: bool = True

    def attempt(
        self,
        step: str,
        number: int,
        job: Mapping[str, Any],
        around: Surroundings,
        *,
        created: Instant,
    ) -> RunningAttempt:
        """An attempt that does not run yet."""
        if not self.kernel_limits:
            around = replace(around, host=replace(around.host, cgroups=None))
        return JobAttempt(step, number, job, around, created=created)


EXECUTORS: Mapping[str, Executor] = {
    executor.name: executor for executor in (Processes(), Processes("sequential", width=1))
}


def executor_named(name: str) -> Executor:
    """One of ours. Raises `ExecutorError`."""
    if name == "podman":
        raise ExecutorError(
            "there is no executor podman: containers run as processes here, and their images are "
            "not used. Leave --executor out, or run the flow on a cluster: kubectl apply"
        )
    if name not in EXECUTORS:
        raise ExecutorError(f"there is no executor {name}; there are {', '.join(EXECUTORS)}")
    return EXECUTORS[name]
