"""Builds small flows and runs them with the local runner."""

import os
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobflows.engine import CompiledFlow, Ledger, StepRecord
from jobflows.local import Approver, AttemptInfo, Executor, start


@dataclass(frozen=True)
class Ran:
    """A run that has ended."""

    flow: CompiledFlow
    ledger: Ledger
    workdir: Path
    attempts: list[AttemptInfo]

    def __getitem__(self, step: str) -> StepRecord:
        return self.ledger.steps[self.flow.graph.index[step]]

    def log(self, step: str, attempt: int = 1, container: str = "main", index: str = "") -> str:
        """What a container has written."""
        return (self.workdir / step / str(attempt) / index / f"{container}.log").read_text()


def container(script: str | None, name: Any = "main", **fields: Any) -> dict[str, Any]:
    """A container that runs a shell script."""
    command = {} if script is None else {"command": ["sh", "-c", textwrap.dedent(script)]}
    return {"name": name, "image": "busybox:1.36", **command, **fields}


def step(
    name: str,
    script: str | None = "true",
    *,
    containers: list[dict[str, Any]] | None = None,
    pod: Mapping[str, Any] | None = None,
    job: Mapping[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A step; `script` is its one container unless `containers` are given."""
    spec = {"containers": containers or [container(script)], **(pod or {})}
    return {
        "name": name,
        "template": {"spec": {"template": {"spec": spec}, **(job or {})}},
        **fields,
    }


def document(*steps: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A flow of these steps, as it stands in a file."""
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": "flow"},
        "spec": {"steps": list(steps), **spec},
    }


def run_flow(
    workdir: Path,
    *steps: dict[str, Any],
    parallelism: int = 4,
    params: Mapping[str, str] | None = None,
    approve: Callable[[str], bool] = lambda step: False,
    executor: str | Executor = "process",
    **spec: Any,
) -> Ran:
    """Run a flow of these steps to its end."""
    outcome = start(
        document(*steps, **spec),
        workdir=workdir,
        home=workdir / "_home",
        parameters=params,
        parallelism=parallelism,
        approver=saying(approve),
        executor=executor,
    )
    return Ran(outcome.flow, outcome.ledger, workdir, outcome.attempts)


def saying(approve: Callable[[str], bool]) -> Approver:
    """Somebody who answers at once."""

    async def answer(name: str, message: str) -> bool:
        return approve(name)

    return answer


def alive(mark: str) -> list[int]:
    """Processes that have `mark` in their command line."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                line = Path(f"/proc/{name}/cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if mark in line:
                found.append(int(name))
    return found
