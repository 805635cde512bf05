"""What an array costs the operator: `cd test && python -m bench.arrays --tasks 10000`.

One flow of one array on simulated pods. Writes are counted from the server's audit log, CPU and
memory from the operator's process; the makespan is the Job controller's and the kubelets', not
ours, and is told for orientation only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench.shapes import pod_spec
from bench.site import site
from cluster import lifecycle
from cluster.errors import ClusterError
from cluster.record import Record
from jobflows.cluster.client import Client
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.resources import JOBFLOWS

POLL_SECONDS = 1.0


class _Flow(msgspec.Struct):
    status: msgspec.Raw = msgspec.Raw(b'{"phase":""}')


class _Status(msgspec.Struct):
    phase: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.arrays", description=__doc__)
    parser.add_argument("--name", default="bench", help="cluster to use (default: bench)")
    parser.add_argument("--tasks", type=int, default=10_000, help="tasks (default: 10000)")
    parser.add_argument("--parallelism", type=int, help="most of them at once (default: no limit)")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    options = parser.parse_args()
    try:
        record = lifecycle.up(options.name, "sim")
    except ClusterError as error:
        print(f"bench skipped: {error}", file=sys.stderr)
        return error.exit_code
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(_measure(record, options.tasks, options.parallelism, Path(folder)))
    finally:
        if not options.keep:
            lifecycle.down(options.name)
    return 0


async def _measure(record: Record, tasks: int, parallelism: int | None, folder: Path) -> None:
    async with site(record, folder) as where:
        where.audit.writes("operator")
        before, began = where.process.cpu_seconds(), time.monotonic()
        client = Client(where.user, Limiter(), rng=random.Random(0))
        await client.create(JOBFLOWS, where.namespace, _flow(tasks, parallelism))
        largest = await _watch_status(client, where.namespace)
        cpu, took = where.process.cpu_seconds() - before, time.monotonic() - began
        writes = where.audit.writes("operator")
        peak = where.process.peak_mib()
    print(f"tasks                  {tasks}")
    print(f"makespan               {took:.0f} s ({tasks / took:.0f} tasks/s)")
    print(f"writes a task          {writes.total() / tasks:.4f}  {dict(writes)}")
    print(f"CPU per 1,000 tasks    {1000 * cpu / tasks:.2f} s")
    print(f"largest status         {largest / 1000:.1f} kB")
    print(f"operator peak memory   {peak:.0f} MiB")


async def _watch_status(client: Client, namespace: str) -> int:
    """Wait for the end; return the size in bytes of the largest status that was seen."""
    largest = 0
    while True:
        answer = await client.get(JOBFLOWS, namespace, "array")
        status = msgspec.json.decode(answer, type=_Flow).status
        largest = max(largest, len(bytes(status)))
        phase = msgspec.json.decode(status, type=_Status).phase
        if phase == "Failed":
            raise RuntimeError("the flow failed")
        if phase == "Succeeded":
            return largest
        await asyncio.sleep(POLL_SECONDS)


def _flow(tasks: int, parallelism: int | None) -> dict[str, object]:
    array = {"count": tasks, **({} if parallelism is None else {"parallelism": parallelism})}
    step = {"name": "a", "array": array, "template": {"spec": {"template": {"spec": pod_spec()}}}}
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": "array"},
        "spec": {"steps": [step]},
    }


if __name__ == "__main__":
    sys.exit(main())
