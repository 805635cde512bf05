"""Builds small flows and runs them with the local runner."""

import asyncio
import os
import textwrap
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobflows.api.model import JobFlow
from jobflows.engine import CompiledFlow, Ledger, StepRecord
from jobflows.local import LocalRunner, collect_sources, steady_clock


@dataclass(frozen=True)
class Ran:
    """A run that has ended."""

    flow: CompiledFlow
    ledger: Ledger
    workdir: Path

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
    **spec: Any,
) -> Ran:
    """Run a flow of these steps to its end."""
    workdir.mkdir(exist_ok=True)
    model = JobFlow.model_validate(document(*steps, **spec))
    flow = replace(CompiledFlow.compile(model), uid=uuid.uuid4().hex, namespace="default")

    async def answer(name: str, message: str) -> bool:
        return approve(name)

    async def go() -> Ledger:
        runner = LocalRunner(
            flow,
            workdir=workdir,
            sources=collect_sources(flow, params or {}),
            clock=steady_clock(),
            approver=answer,
            parallelism=parallelism,
        )
        return await runner.run()

    return Ran(flow, asyncio.run(go()), workdir)


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
