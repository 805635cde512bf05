"""What a start costs with many finished flows: `cd test && python -m bench.start`.

No cluster: a transport hands out lists as an API server would, of flows that have ended, each with
its Jobs and their pods, as large as real ones. It prints the CPU seconds until the operator is
ready and has looked at every flow, its memory, and what a minute of idling costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop
from prometheus_client import CollectorRegistry

from bench.shapes import chain, job_flow
from jobflows.cluster.clock import SystemClock
from jobflows.cluster.transport import Request, Response
from jobflows.controller.metrics import Metrics
from jobflows.controller.operator import Operator
from jobflows.controller.settings import Settings
from jobflows.controller.shell import tune_garbage_collection
from jobflows.engine.times import rfc3339
from jobflows.manifests import labels

IDLE_SECONDS = 20.0
MANAGED = [
    {"manager": "m", "operation": "Update", "fieldsV1": {f"f:{i}": {} for i in range(60)}}
] * 2
"""Of about the size that an API server adds to every object."""


class Lists:
    """Serves lists that were written before, and watches in which nothing happens."""

    def __init__(self, pages: dict[str, list[bytes]]) -> None:
        self._pages = pages
        self.writes = 0

    async def send(self, request: Request) -> Response:
        if request.method != "GET":
            self.writes += 1
            return Response(500, b"{}")
        plural = request.path.rpartition("/")[2]
        page = int(request.query.get("continue", "0"))
        return Response(200, self._pages[plural][page])

    async def watch(self, request: Request) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def close(self) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.start", description=__doc__)
    parser.add_argument("--flows", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--no-pods", dest="pods", action="store_false")
    options = parser.parse_args()
    lists = Lists(pages(options.flows, options.steps, pods=options.pods))
    uvloop.run(_measure(lists, options.flows))


async def _measure(lists: Lists, flows: int) -> None:
    tune_garbage_collection()
    before, rss = time.process_time(), _rss()
    async with at_work(lists) as operator:
        print(f"ready after      {time.process_time() - before:8.2f} s of CPU")
        print(f"memory           {(_rss() - rss) / 1024:8.0f} MiB more than the lists themselves")
        before = time.process_time()
        await asyncio.sleep(IDLE_SECONDS)
        print(f"idle             {(time.process_time() - before) / IDLE_SECONDS:8.2%} of a core")
        print(f"writes           {lists.writes:8d}")
        assert len(operator.world.flows) == flows


@asynccontextmanager
async def at_work(lists: Lists) -> AsyncIterator[Operator]:
    """An operator that has looked at everything there is."""
    operator = Operator(
        lists,
        settings=Settings(metrics_address=":0", identity="bench"),
        metrics=Metrics(CollectorRegistry()),
        clock=SystemClock(),
        rng=random.Random(0),
    )
    task = asyncio.create_task(operator.run())
    while _is_busy(operator):  # noqa: ASYNC110 - the queue tells nobody that it is empty
        await asyncio.sleep(0.01)
    yield operator
    await operator.stop()
    await task


def _is_busy(operator: Operator) -> bool:
    queue = operator.queue
    return not operator.checks()["workers"] or len(queue) > 0 or bool(queue.working)


def _rss() -> int:
    """Resident memory in KiB."""
    lines = Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


def pages(flows: int, steps: int, *, pods: bool) -> dict[str, list[bytes]]:
    names = [f"nightly-batch-{i}" for i in range(flows)]
    return {
        "jobflows": _paged(_flow(name, steps) for name in names),
        "jobs": _paged(_job(name, f"s{n}") for name in names for n in range(steps)),
        "pods": _paged(_pod(name, f"s{n}") for name in names for n in range(steps) if pods),
    }


def _paged(items: Iterator[dict[str, Any]]) -> list[bytes]:
    pages, every = [], [json.dumps(item, separators=(",", ":")) for item in items]
    starts = range(0, max(1, len(every)), 500)
    for number, start in enumerate(starts, 1):
        more = {"continue": str(number)} if number < len(starts) else {}
        meta = json.dumps({"resourceVersion": "900000", **more})
        body = ",".join(every[start : start + 500])
        pages.append(f'{{"kind":"List","metadata":{meta},"items":[{body}]}}'.encode())
    return pages


def _meta(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": "batch",
        "uid": _uid(name),
        "resourceVersion": str(random.randint(1, 900_000)),
        "generation": 1,
        "creationTimestamp": rfc3339(_NOW - 3600),
        "managedFields": MANAGED,
        **more,
    }


_NOW = time.time()


def _uid(name: str) -> str:
    digits = f"{hash(name) & (1 << 128) - 1:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _owned(kind: str, owner: str, flow: str, step: str) -> dict[str, Any]:
    return {
        "labels": {
            labels.MANAGED_BY: labels.MANAGER,
            labels.FLOW: flow,
            labels.FLOW_UID: _uid(flow),
            labels.STEP: step,
            labels.ATTEMPT: "1",
            "batch.kubernetes.io/controller-uid": _uid(owner),
            "batch.kubernetes.io/job-name": owner,
            "controller-uid": _uid(owner),
            "job-name": owner,
        },
        "ownerReferences": [
            {
                "apiVersion": "v1",
                "kind": kind,
                "name": owner,
                "uid": _uid(owner),
                "controller": True,
            }
        ],
    }


def _flow(name: str, steps: int) -> dict[str, Any]:
    made = job_flow(name, chain(steps))
    done = [
        {
            "name": f"s{n}",
            "phase": "Succeeded",
            "attempt": 1,
            "startTime": rfc3339(_NOW - 3600),
            "completionTime": rfc3339(_NOW - 3000),
            "jobRef": {"name": f"{name}-s{n}-1", "uid": _uid(f"{name}-s{n}-1")},
        }
        for n in range(steps)
    ]
    made["metadata"] = _meta(name)
    made["status"] = {
        "observedGeneration": 1,
        "phase": "Succeeded",
        "reason": "Completed",
        "startTime": rfc3339(_NOW - 3600),
        "completionTime": rfc3339(_NOW - 3000),
        "steps": done,
    }
    return made


def _job(flow: str, step: str) -> dict[str, Any]:
    done = {"status": "True", "lastTransitionTime": rfc3339(_NOW - 3000)}
    return {
        "metadata": _meta(f"{flow}-{step}-1", **_owned("JobFlow", flow, flow, step)),
        "spec": {"completions": 1, "parallelism": 1, "backoffLimit": 0},
        "status": {
            "succeeded": 1,
            "conditions": [
                {"type": "SuccessCriteriaMet", "reason": "CompletionsReached", **done},
                {"type": "Complete", "reason": "CompletionsReached", **done},
            ],
        },
    }


def _pod(flow: str, step: str) -> dict[str, Any]:
    job = f"{flow}-{step}-1"
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    moments = {"startedAt": rfc3339(_NOW - 3100), "finishedAt": rfc3339(_NOW - 3000)}
    ended = {"exitCode": 0, "reason": "Completed", **moments}
    return {
        "metadata": _meta(f"{job}-x7k2p", **_owned("Job", job, flow, step)),
        "status": {
            "phase": "Succeeded",
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": rfc3339(_NOW - 3000)}
                for kind in kinds
            ],
            "containerStatuses": [
                {
                    "name": "main",
                    "state": {"terminated": {**ended, "startedAt": ended["finishedAt"]}},
                }
            ],
        },
    }


if __name__ == "__main__":
    main()
