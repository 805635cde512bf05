"""Plays the Job controller for Jobs that say so by `managedBy`: counts their tasks, makes no pods.

The operator watches Jobs and not the pods of arrays, so it sees what it would see of real ones, at
a speed that a small control plane could not give it. Each Job is written once a round, a tenth of
its tasks further, as the Job controller does while it has much to count.
"""

from __future__ import annotations

import asyncio
import random
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
