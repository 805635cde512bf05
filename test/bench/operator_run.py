"""The operator under measurement: a process of its own, with the flags a user would give it."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.changes import changes
from bench.shapes import Scenario, job_flow
from jobflows.cluster.client import Client
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.resources import JOBFLOWS
from jobflows.cluster.transport import Transport

FLAGS = (
    "--kube-api-qps=0",  # the server is the limit, as it is for the bare loop
    "--max-concurrent-reconciles=50",
    "--log-level=warning",
    "--metrics-addr=127.0.0.1:0",
)


@dataclass(frozen=True, slots=True)
class Process:
    """The running operator."""

    pid: int

    def cpu_seconds(self) -> float:
        """User and system time so far, from /proc."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """Peak resident memory in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024


@contextmanager
def operator(
    kubeconfig: str, namespace: str, log: Path, flags: Sequence[str] = FLAGS
) -> Iterator[Process]:
    """Start the operator; end it, and wait for it, on leaving."""
    command = [sys.executable, "-m", "jobflows.controller"]
    command += [*flags, f"--kubeconfig={kubeconfig}", f"--watch-namespace={namespace}"]
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stdout=stderr, stderr=stderr)
        try:
            yield Process(process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)


async def run_flows(transport: Transport, scenario: Scenario, namespace: str, run: str) -> float:
    """Apply the scenario's flows at once; return the seconds until the last one says Succeeded."""
    client = Client(transport, Limiter(), rng=random.Random(0))
    dag = scenario.dag()
    waiting = {f"{run}-{i}" for i in range(scenario.flows)}
    loop = asyncio.get_running_loop()
    started = loop.time()
    creates = asyncio.gather(
        *(client.create(JOBFLOWS, namespace, job_flow(name, dag)) for name in waiting)
    )
    async with aclosing(changes(client, JOBFLOWS, namespace)) as flows:
        async for flow in flows:
            if flow.status.phase == "Failed":
                raise RuntimeError(f"flow {flow.metadata.name} failed")
            if flow.status.phase == "Succeeded":
                waiting.discard(flow.metadata.name)
            if not waiting:
                break
    took = loop.time() - started
    await creates
    return took
