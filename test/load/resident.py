"""10,000 flows that are there and 50,000 Jobs of theirs: what they cost while nothing happens.

One flow is run, and copied with its Jobs as it ended, into the control plane's store: through the
API server it would take an hour on two cores to get what the operator then reads through the API
server all the same. The copies differ in names and UIDs.
"""

from __future__ import annotations

import asyncio
import random
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from bench.audit import AuditLog
from bench.operator_run import FLAGS, Process, operator
from bench.plane import connection, kubeconfig_of
from cluster.ports import free_ports
from cluster.record import Record
from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.http import AiohttpTransport
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.resources import JOBFLOWS, JOBS, Resource
from load.controllers import CONTROLLERS
from load.meter import Etcd, resident_mib
from load.result import About, Result
from load.run import Ground, Options, ground, measure
from load.timeline import Timeline
from load.work import Plan

FLOWS = 10_000
STEPS = 5
ACTIVE = 100
IDLE_SECONDS = 60.0
TRANSACTION = 100
START_LIMIT = 600.0
NOTICE_LIMIT = 1_200.0


async def resident(record: Record) -> Result:
    """Fill, start, idle, and then 100 flows at work among the others."""
    flags = FLAGS[:2]
    about = About.here("python -m load scenario resident", list(flags), record)
    async with ground(record, flags=flags) as where:
        one = await measure(where, "prototype", Options(Plan("chain", 1, STEPS)))
        assert one.figures["ended"] == {"Succeeded": 1}, one.figures
        namespace = where.namespace
        user = AiohttpTransport(connection(record, "admin"))
        try:
            count = await _fill(record, user, namespace, "prototype-00000")
        finally:
            await user.close()
    figures: dict[str, Any] = {"flows": count, "jobs": count * STEPS}
    figures |= await _operate(record, namespace, flags)
    return Result("resident", about, {"flows": FLOWS, "steps": STEPS}, figures)


async def _fill(record: Record, user: AiohttpTransport, namespace: str, name: str) -> int:
    """Copy a finished flow and its Jobs until there are so many flows."""
    client = Client(user, Limiter(), rng=random.Random(0))
    flow = _object(await client.get(JOBFLOWS, namespace, name))
    page = _object(await client.list_page(JOBS, namespace, limit=0))
    jobs = [
        job | {"apiVersion": "batch/v1", "kind": "Job"}
        for job in page["items"]
        if job["metadata"]["name"].startswith(f"{name}-")
    ]
    assert len(jobs) == STEPS
    etcd = Etcd.of(record)
    flows = f"{JOBFLOWS.group}/{JOBFLOWS.plural}/{namespace}"
    everything = _copies({flows: [flow], f"jobs/{namespace}": jobs}, name)
    while some := dict(islice(everything, TRANSACTION)):
        await asyncio.to_thread(etcd.put, some)
    await _noticed(client, JOBFLOWS, namespace, FLOWS)
    await _noticed(client, JOBS, namespace, FLOWS * STEPS)
    return FLOWS


async def _noticed(client: Client, resource: Resource, namespace: str, count: int) -> None:
    """Wait until the API server, which was passed by, has them all in its cache."""
    async with asyncio.timeout(NOTICE_LIMIT):
        while True:
            with suppress(ApiError):  # 504: its cache is behind
                page = _object(await client.list_page(resource, namespace, limit=1))
                if len(page["items"]) + page["metadata"].get("remainingItemCount", 0) >= count:
                    return
            await asyncio.sleep(1.0)


def _copies(objects: Mapping[str, list[dict[str, Any]]], name: str) -> Iterator[tuple[str, bytes]]:
    """Key and value of each copy; flows before the Jobs that they own."""
    raw: list[tuple[str, bytes]] = []
    uids: set[str] = set()
    for folder, found in objects.items():
        for one in found:
            meta = one["metadata"]
            uids.add(meta["uid"])
            del meta["resourceVersion"]
            raw.append((f"{folder}/{meta['name']}", msgspec.json.encode(one)))
    stem = name.rpartition("-")[0]
    for number in range(1, FLOWS):
        renamed = f"{stem}-{number:05}"
        fresh = {uid.encode(): str(uuid.uuid4()).encode() for uid in uids}
        for key, value in raw:
            copy = value.replace(name.encode(), renamed.encode())
            for old, new in fresh.items():
                copy = copy.replace(old, new)
            yield key.replace(name, renamed), copy


async def _operate(record: Record, namespace: str, flags: tuple[str, ...]) -> dict[str, Any]:
    (port,) = free_ports(1)
    given = (*flags, "--log-level=info", f"--metrics-addr=127.0.0.1:{port}")
    user = AiohttpTransport(connection(record, "admin"))
    with TemporaryDirectory() as folder:
        config = Path(folder) / "kubeconfig"
        config.write_text(kubeconfig_of(record, "operator"))
        log = Path(folder) / "log"
        began = time.monotonic()
        try:
            with operator(str(config), namespace, log, given) as process:
                await _ready(port)
                started = {
                    "start_s": round(time.monotonic() - began, 1),
                    "start_cpu_s": round(process.cpu_seconds(), 2),
                    "start_peak_mib": round(process.peak_mib()),
                }
                await asyncio.sleep(IDLE_SECONDS / 2)  # what a start leaves to do
                idle = await _idle(record, namespace, process)
                where = Ground(
                    record, user, namespace, CONTROLLERS["jobflow"], process, port, list(flags)
                )
                plan = Plan("layers", ACTIVE, 10)
                options = Options(plan, pods="none", settle=False)
                active = (await measure(where, "active", options)).figures
        finally:
            await user.close()
    return started | idle | {f"active_{k}": v for k, v in active.items() if k != "calls"}


async def _idle(record: Record, namespace: str, process: Process) -> dict[str, Any]:
    audit = AuditLog(Path(record.audit_log or ""))
    before, began = process.cpu_seconds(), time.monotonic()
    await asyncio.sleep(IDLE_SECONDS)
    took, cpu = time.monotonic() - began, process.cpu_seconds() - before
    timeline = Timeline(CONTROLLERS["jobflow"], namespace, ())
    timeline.read(audit)
    return {
        "idle_core": round(cpu / took, 4),
        "idle_writes": timeline.writes("jobflow-operator").total(),
        "mib": round(resident_mib(process.pid)),
    }


async def _ready(port: int) -> None:
    async with asyncio.timeout(START_LIMIT):
        while not await asyncio.to_thread(_answers, port):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _object(answer: bytes) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.json.decode(answer)
    return made
