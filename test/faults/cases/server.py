"""The API server and etcd go away and come back, or are full."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from cluster import processes
from cluster.paths import State
from faults.cases import Case
from faults.cases.disturbance import disturbed
from faults.trial import Place, Trial

AWAY_SECONDS = 5.0
FULL_SECONDS = 15.0
READY_SECONDS = 120.0
POLL_SECONDS = 0.2

Answer = dict[str, dict[str, str]]


async def _server_stops(place: Place, number: int) -> list[str]:
    async def disturb(_: Sequence[Trial]) -> None:
        await _restart(place, "kube-apiserver", signal.SIGTERM)

    return await disturbed(place, number, disturb)


async def _server_dies(place: Place, number: int) -> list[str]:
    async def disturb(_: Sequence[Trial]) -> None:
        await _restart(place, "kube-apiserver", signal.SIGKILL)

    return await disturbed(place, number, disturb, whole_log=False)


async def _etcd_dies(place: Place, number: int) -> list[str]:
    async def disturb(_: Sequence[Trial]) -> None:
        await _restart(place, "etcd", signal.SIGKILL)

    return await disturbed(place, number, disturb)


async def _etcd_is_full(place: Place, number: int) -> list[str]:
    async def disturb(_: Sequence[Trial]) -> None:
        command = _command(_process(place, "etcd"))
        address = command[command.index("--advertise-client-urls") + 1]
        async with aiohttp.ClientSession(address) as etcd:
            status = await _ask(etcd, "status", {})
            alarm = {"memberID": status["header"]["member_id"], "alarm": "NOSPACE"}
            await _ask(etcd, "alarm", {"action": "ACTIVATE", **alarm})
            try:
                await asyncio.sleep(FULL_SECONDS)
            finally:
                await _ask(etcd, "alarm", {"action": "DEACTIVATE", **alarm})

    return await disturbed(place, number, disturb)


async def _ask(etcd: aiohttp.ClientSession, what: str, body: dict[str, str]) -> Answer:
    async with etcd.post(f"/v3/maintenance/{what}", json=body) as answer:
        answer.raise_for_status()
        found: Answer = await answer.json()
        return found


async def _restart(place: Place, name: str, how: signal.Signals) -> None:
    """End a process of the control plane, and start it again as it was."""
    state = State(place.record.name)
    process = _process(place, name)
    command = _command(process)
    os.kill(process.pid, how)
    async with asyncio.timeout(READY_SECONDS):
        while process.alive():
            await asyncio.sleep(POLL_SECONDS)
    processes.stop(state, [process])
    await asyncio.sleep(AWAY_SECONDS)
    processes.start(state, name, command)
    async with asyncio.timeout(READY_SECONDS):
        while not await place.ready():
            await asyncio.sleep(POLL_SECONDS)


def _process(place: Place, name: str) -> processes.Process:
    return next(p for p in processes.recorded(State(place.record.name)) if p.name == name)


def _command(process: processes.Process) -> list[str]:
    return Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")[:-1]


CASES = (
    Case(
        "API server restarted",
        f"SIGTERM to kube-apiserver in mid-run, back after {AWAY_SECONDS:g} s",
        _server_stops,
        alone=True,
    ),
    Case(
        "API server killed",
        f"SIGKILL to kube-apiserver in mid-run, back after {AWAY_SECONDS:g} s",
        _server_dies,
        alone=True,
    ),
    Case(
        "etcd killed",
        f"SIGKILL to etcd in mid-run, back after {AWAY_SECONDS:g} s",
        _etcd_dies,
        alone=True,
    ),
    Case(
        "etcd's disk full",
        f"etcd's alarm NOSPACE for {FULL_SECONDS:g} s in mid-run: nobody can write",
        _etcd_is_full,
        alone=True,
    ),
)
