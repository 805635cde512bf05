"""A node with real pods is lost; what ran there runs again on another one."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cluster import binaries, lifecycle, processes, simulated
from cluster.api import Api
from cluster.credentials import REAL_NODE, component_kubeconfig
from cluster.paths import State
from cluster.record import Record
from cluster_suite.flows import flow, job, step
from faults.cases import Case
from faults.mixture import Due, Mixture
from faults.place import place_at
from faults.proxy import Script
from faults.trial import Place, Trial, judged
from jobflows.cluster.resources import PODS

CLUSTER = "faults-node"
SEEN_SECONDS = 120.0
POLL_SECONDS = 0.5

SLEEPS = job(container={"image": "busybox", "command": ["sleep", "3600"]})
"""For ever on the real node; simulated ones take no notice of what a container does."""
LOST = Mixture(
    name="lost",
    flows=(flow("lost", {"name": "a", "template": SLEEPS}, step("b", "a")),),
    due=(
        Due("lost-a-1", stays=False),
        Due("lost-a-2", ("lost-a-1",)),
        Due("lost-b-1", ("lost-a-2",)),
    ),
    phases={"lost": "Succeeded"},
    steps={"lost": {"a": "Succeeded", "b": "Succeeded"}},
    lost=True,
)


async def _node_lost(place: Place, number: int) -> list[str]:
    async with _real(place) as there:
        trial = Trial(there, LOST, Script(), number)
        async with trial.proxy.serving():
            run = asyncio.create_task(judged(trial))
            try:
                await _runs(trial)
                await asyncio.to_thread(_lose, there.record)
                return await run
            finally:
                run.cancel()


@asynccontextmanager
async def _real(place: Place) -> AsyncIterator[Place]:
    record = await asyncio.to_thread(lifecycle.up, CLUSTER, "real")
    try:
        async with place_at(record, place.nursery, place.folder) as there:
            yield dataclasses.replace(there, name="faults-real")
    finally:
        await asyncio.to_thread(lifecycle.down, CLUSTER)


async def _runs(trial: Trial) -> None:
    async with asyncio.timeout(SEEN_SECONDS):
        while True:
            pods = await trial.objects(PODS) if trial.operator else []
            if any(pod.get("status", {}).get("phase") == "Running" for pod in pods):
                return
            await asyncio.sleep(POLL_SECONDS)


def _lose(record: Record) -> None:
    """The node and all on it are gone at once; its cloud says so, and another one joins."""
    state = State(record.name)
    api = Api(record.server, record.tokens["admin"], Path(record.ca_file))
    (box,) = [p for p in processes.recorded(state) if p.name == "box"]
    _kill_all_in(box.pid)
    api.request("DELETE", f"/api/v1/nodes/{REAL_NODE}")
    programs = binaries.ensure(binaries.for_mode("sim"))
    simulated.start(state, programs["kwok"], api, component_kubeconfig(state, "kwok"))


def _kill_all_in(box: int) -> None:
    """Kubelet, runtime and pods. The box stays open: the API server listens on its link."""
    space = os.readlink(f"/proc/{box}/ns/pid_for_children")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            inside = os.readlink(folder / "ns" / "pid") == space
            if inside and not _is_first(folder):
                os.kill(int(folder.name), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended by itself, or is none of ours


def _is_first(folder: Path) -> bool:
    """Whether a process is the first of its own namespace."""
    status = (folder / "status").read_text()
    return next(line for line in status.splitlines() if line.startswith("NSpid:")).endswith("\t1")


CASES = (
    Case(
        "node lost",
        "real pods: the node and all that runs on it are killed, and its Node is deleted; the lost"
        " attempt counts as a disruption, and runs again on another node",
        _node_lost,
        alone=True,
    ),
)
