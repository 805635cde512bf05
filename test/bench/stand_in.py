"""Plays the Job controller for Jobs that say so by `managedBy`: counts their tasks, makes no pods.

The operator watches Jobs and not the pods of arrays, so it sees what it would see of real ones, at
a speed that a small control plane could not give it. Each Job is written once a round, a tenth of
its tasks further, as the Job controller does while it has much to count.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.resources import JOBS
from jobflows.cluster.transport import Transport

MANAGER = "bench.jobflow/stand-in"
ROUND_SECONDS = 1.0
ROUNDS = 10


class _Event(msgspec.Struct):
    object: dict[str, Any]


_decode = msgspec.json.Decoder(dict[str, Any]).decode


async def play_job_controller(transport: Transport, namespace: str) -> None:
    """Until cancelled."""
    client = Client(transport, Limiter(), rng=random.Random(0))
    while True:
        await asyncio.sleep(ROUND_SECONDS)
        async for page in client.list_pages(JOBS, namespace, limit=100):
            for job in _decode(page)["items"]:
                status = job.get("status") or {}
                if job["spec"].get("managedBy") == MANAGER and "completionTime" not in status:
                    name = job["metadata"]["name"]
                    body = {"status": _further(job["spec"]["completions"], status)}
                    await client.patch(JOBS, namespace, name, body, subresource="status")


async def finish_jobs(transport: Transport, namespace: str) -> None:
    """Until cancelled: say of each Job, as soon as it is seen, that all of it has succeeded."""
    client = Client(transport, Limiter(), rng=random.Random(0))
    decode = msgspec.json.Decoder(_Event).decode
    done: set[str] = set()
    async with asyncio.TaskGroup() as group:
        while True:  # the server may end a watch; a new one begins with all Jobs as they are
            async with aclosing(client.watch(JOBS, namespace)) as lines:
                async for line in lines:
                    if b'"ADDED"' not in line[:24]:
                        continue
                    job = decode(line).object
                    name = job["metadata"]["name"]
                    if job["spec"].get("managedBy") == MANAGER and name not in done:
                        done.add(name)
                        group.create_task(_finish(client, namespace, name, job["spec"]))


async def _finish(client: Client, namespace: str, name: str, spec: dict[str, Any]) -> None:
    total = spec.get("completions", 1)
    status = _further(total, {"startTime": "", "succeeded": total})
    status["startTime"] = status["completionTime"]
    if spec.get("completionMode") != "Indexed":
        del status["completedIndexes"]
    await client.patch(JOBS, namespace, name, {"status": status}, subresource="status")


def _further(total: int, status: dict[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if "startTime" not in status:
        return {"startTime": now, "active": total, "ready": total}
    done = min(total, status.get("succeeded", 0) + -(-total // ROUNDS))
    left = total - done
    counted: dict[str, Any] = {
        "succeeded": done,
        "active": left,
        "ready": left,
        "completedIndexes": f"0-{done - 1}",
    }
    if left:
        return counted
    met = {"status": "True", "reason": "CompletionsReached", "lastTransitionTime": now}
    conditions = [{"type": kind, **met} for kind in ("SuccessCriteriaMet", "Complete")]
    return {**counted, "conditions": conditions, "completionTime": now}
