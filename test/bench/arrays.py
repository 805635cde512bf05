"""What one large flow costs the operator: `cd test && python -m bench.arrays --tasks 10000`, or
`--steps 10000` for a flow of layers whose steps share three templates.

One flow on simulated pods. Writes are counted from the server's audit log, CPU and memory from the
operator's process; the makespan is the Job controller's and the kubelets', not ours, and is told
for orientation only. Without `--parallelism` all pods of an array are there at once, which a small
control plane survives up to some 10,000. The pods name their node and want no token, so that each
costs the control plane four calls and not ten; the operator sees nothing of that. With `--no-pods`
there are none at all: a stand-in for the Job controller counts the tasks.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench.plane import simulated
from bench.planning import flow_of
from bench.shapes import layers, pod_spec
from bench.site import site
from bench.stand_in import MANAGER, play_job_controller
from cluster.record import Record
from jobflows.cluster.client import Client
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.resources import JOBFLOWS

POLL_SECONDS = 1.0

CHEAP = {"nodeName": "sim-0", "automountServiceAccountToken": False}
"""What keeps the scheduler, its events and the volume of a token out of a pod's life."""


class _Flow(msgspec.Struct):
    status: msgspec.Raw = msgspec.Raw(b'{"phase":""}')


class _Summary(msgspec.Struct, frozen=True):
    summary: str = ""


class _Step(msgspec.Struct):
    tasks: _Summary = _Summary()


class _Status(msgspec.Struct):
    phase: str = ""
    progress: _Summary = _Summary()
    steps: list[_Step] = []


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.arrays", description=__doc__)
    parser.add_argument("--name", default="bench", help="cluster to use (default: bench)")
    parser.add_argument("--tasks", type=int, default=10_000, help="tasks (default: 10000)")
    parser.add_argument("--parallelism", type=int, help="most of them at once (default: no limit)")
    parser.add_argument("--no-pods", action="store_true", help="Jobs that are only counted")
    parser.add_argument("--steps", type=int, default=0, help="steps of a flow without an array")
    parser.add_argument("--layers", type=int, default=20, help="layers of these (default: 20)")
    parser.add_argument("--seconds", type=float, help="report after so long how far it has come")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    options = parser.parse_args()
    if options.steps:
        flow = _flow_of_steps(options.steps, options.layers)
    else:
        flow = _flow_of_tasks(options.tasks, options.parallelism, no_pods=options.no_pods)
    with (
        simulated(options.name, keep=options.keep) as record,
        tempfile.TemporaryDirectory() as folder,
    ):
        asyncio.run(_measure(record, flow, options.seconds, Path(folder)))
    return 0


async def _measure(
    record: Record, flow: dict[str, Any], seconds: float | None, folder: Path
) -> None:
    watched = _Watched()
    async with site(record, folder) as where:
        where.audit.writes("operator")
        before, began = where.process.cpu_seconds(), time.monotonic()
        client = Client(where.user, Limiter(), rng=random.Random(0))
        await client.create(JOBFLOWS, where.namespace, flow)
        stand_in = asyncio.create_task(play_job_controller(where.user, where.namespace))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _watch_status(client, where.namespace, watched)
        stand_in.cancel()
        cpu, took = where.process.cpu_seconds() - before, time.monotonic() - began
        writes = where.audit.writes("operator")
        peak = where.process.peak_mib()
    done = max(1, watched.done)
    print(f"done                   {watched.done} of {watched.total}, {watched.phase}")
    print(f"makespan               {took:.0f} s ({done / took:.0f} a second)")
    print(f"writes a piece         {writes.total() / done:.4f}  {dict(writes)}")
    print(f"CPU per 1,000          {1000 * cpu / done:.2f} s")
    print(f"largest status         {watched.largest / 1000:.1f} kB")
    print(f"operator peak memory   {peak:.0f} MiB")


@dataclass
class _Watched:
    """What was seen of the flow's status; `largest` is in bytes, `done` counts steps or tasks."""

    largest: int = 0
    phase: str = ""
    done: int = 0
    total: int = 0


async def _watch_status(client: Client, namespace: str, watched: _Watched) -> None:
    """Until the flow has ended."""
    while watched.phase != "Succeeded":
        answer = await client.get(JOBFLOWS, namespace, "large")
        raw = msgspec.json.decode(answer, type=_Flow).status
        status = msgspec.json.decode(raw, type=_Status)
        watched.largest = max(watched.largest, len(bytes(raw)))
        watched.phase = status.phase
        tasks = status.steps[0].tasks.summary if status.steps else ""
        done, _, total = (tasks or status.progress.summary or "0/0").partition("/")
        watched.done, watched.total = int(done), int(total)
        if status.phase == "Failed":
            raise RuntimeError("the flow failed")
        await asyncio.sleep(POLL_SECONDS)


def _flow_of_tasks(tasks: int, parallelism: int | None, *, no_pods: bool) -> dict[str, Any]:
    array = {"count": tasks, **({} if parallelism is None else {"parallelism": parallelism})}
    pod = pod_spec() | CHEAP
    managed = {"managedBy": MANAGER} if no_pods else {}
    job = {"spec": {**managed, "template": {"spec": pod}}}
    step = {"name": "a", "array": array, "template": job}
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": "large"},
        "spec": {"steps": [step]},
    }


def _flow_of_steps(steps: int, depth: int) -> dict[str, Any]:
    flow = flow_of(layers(depth, steps // depth)) | {"metadata": {"name": "large"}}
    for template in flow["spec"]["templates"]:
        template["template"]["spec"]["template"]["spec"] |= CHEAP
    return flow


if __name__ == "__main__":
    sys.exit(main())
