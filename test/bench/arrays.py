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

from bench.__main__ import CRD, connection
from bench.audit import AuditLog
from bench.operator_run import operator, run_flows
from bench.plane import apply_crd, fresh_namespace, kubeconfig_of
from bench.shapes import Scenario, pod_spec
from cluster import lifecycle
from cluster.errors import ClusterError
from cluster.record import Record
from jobflows.cluster.client import Client
from jobflows.cluster.http import AiohttpTransport
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
    transport = AiohttpTransport(connection(record, "admin"))
    try:
        await apply_crd(transport, CRD.read_text())
        namespace = await fresh_namespace(transport)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(kubeconfig_of(record, "operator"))
        audit = AuditLog(Path(record.audit_log or ""))
        with operator(str(kubeconfig), namespace, folder / "operator.log") as process:
            async with asyncio.timeout(30):
                warm_up = Scenario("warm-up", 1, lambda: {"a": []})
                await run_flows(transport, warm_up, namespace, "warm-up")
            audit.writes("operator")
            before, began = process.cpu_seconds(), time.monotonic()
            client = Client(transport, Limiter(), rng=random.Random(0))
            await client.create(JOBFLOWS, namespace, _flow(tasks, parallelism))
            largest = await _watch_status(client, namespace)
            cpu, took = process.cpu_seconds() - before, time.monotonic() - began
            writes = audit.writes("operator")
            peak = process.peak_mib()
    finally:
        await transport.close()
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
