"""What shards are worth: `python -m bench.shards`, in `test/`.

The same flows by one operator, and by three that share them, on simulated pods. Wall time says
nothing where three operators and a control plane share two cores; so what is compared is the CPU of
each process, less what it costs while nothing happens. How much more three cores could carry is the
CPU of the one by that of each of the three.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.operator_run import Process
from bench.plane import simulated
from cluster import Record
from cluster.api import wait_for
from cluster_suite.flows import chain
from cluster_suite.kube import Kube
from cluster_suite.replicas import USERS, replicas
from cluster_suite.session import CRDS, fresh_namespace

IDLE_SECONDS = 8.0
SHARD = "workflow.kube-zen.io/shard"


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.shards")
    parser.add_argument("--flows", type=int, default=90)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--name", default="bench", help="the cluster; one that is up stays up")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    asked = parser.parse_args()
    with simulated(asked.name, keep=asked.keep) as record:
        Kube(record.kubeconfig, "default", record.kubectl)(
            "apply", "--server-side", "-f", str(CRDS)
        )
        one = _run(record, asked.flows, asked.steps, list(USERS)[:1])
        three = _run(record, asked.flows, asked.steps, list(USERS))
    alone, steps = sum(one), asked.flows * asked.steps
    print(f"CPU, ms a step: {1e3 * alone / steps:.2f} alone, {1e3 * sum(three) / steps:.2f} shared")
    mean, busiest = sum(three) / len(three), max(three)
    print(f"three cores carry {alone / mean:.2f} times as much, {alone / busiest:.2f} as divided")
    return 0


def _run(record: Record, flows: int, steps: int, clients: list[str]) -> list[float]:
    """CPU seconds of each of so many operators for the same flows."""
    kube = fresh_namespace(record, "shards")
    names = [f"f{i:03}" for i in range(flows)]
    with tempfile.TemporaryDirectory() as folder:
        shards = ("--shards", str(len(clients)))
        with replicas(record, kube, Path(folder), *shards) as cast:
            cast.start(*clients)
            wait_for("shards are shared", lambda: _are(cast.holders(), clients), seconds=120)
            running = [Process(process.pid) for process in cast.running.values()]
            before, began = _cpu(running), time.monotonic()
            time.sleep(IDLE_SECONDS)
            idle = [
                (now - then) / (time.monotonic() - began)
                for now, then in zip(_cpu(running), before, strict=True)
            ]
            before, began = _cpu(running), time.monotonic()
            kube.apply(*(chain(name, steps) for name in names))
            wait_for("all flows end", lambda: _succeeded(kube) == flows, seconds=900, poll=2.0)
            seconds = time.monotonic() - began
            spent = [
                now - then - rate * seconds
                for now, then, rate in zip(_cpu(running), before, idle, strict=True)
            ]
    made = Counter(int(job["metadata"]["labels"][SHARD]) % len(clients) for job in kube.find("job"))
    print(
        f"{len(clients)} shards: steps of each {sorted(made.values())},"
        f" CPU {[round(each, 2) for each in spent]} s, idle {[round(100 * r, 2) for r in idle]} %"
    )
    kube("delete", "namespace", kube.namespace, "--wait=false")
    return spent


def _cpu(running: list[Process]) -> list[float]:
    return [process.cpu_seconds() for process in running]


def _are(holders: dict[str, str], clients: list[str]) -> bool:
    return sorted(holders.values()) == sorted(clients)


def _succeeded(kube: Kube) -> int:
    return sum(flow.get("status", {}).get("phase") == "Succeeded" for flow in kube.find("jf"))


if __name__ == "__main__":
    sys.exit(main())
