"""What happens to the operator's own machine: its clock, its network, its speed, its disk."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster import debian
from faults.cases import Case
from faults.cases.disturbance import disturbed
from faults.mixture import CHAIN
from faults.operators import Operator
from faults.trial import Place, Trial
from jobflows.cluster.resources import JOBS

AHEAD = 3600
BACK = 30
HALF_OPEN_SECONDS = 75.0
STOPPED_SECONDS = 20.0
FLOOD = 400
FLOOD_BYTES = 60_000
FLOOD_AT_ONCE = 8
PROGRAM = Path(sys.executable).with_name("jobflow-operator")


class Lonely(Trial):
    """A run whose operator is no fork but a program of its own, with its own environment."""

    def environment(self) -> Mapping[str, str]:
        """What is different from this process' environment."""
        return {}

    def output(self) -> Path:
        """Where it logs to."""
        return self.log

    async def launch(self, flags: Sequence[str]) -> Operator:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("JOBFLOW_")}
        self.log.touch()
        with self.output().open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                str(PROGRAM),
                *flags,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**kept, "POD_NAME": "operator", **self.environment()},
            )
        operator = Operator(process.pid, process.send_signal)
        self._waiting = asyncio.create_task(_tell(process, operator))
        return operator


class Elsewhen(Lonely):
    """An operator whose clock is told by a file; `jump` says by how many seconds it is wrong."""

    @property
    def _hands(self) -> Path:
        return self.log.with_suffix(".clock")

    def jump(self, seconds: int) -> None:
        """Have the clock be wrong by so much from now on."""
        self._hands.write_text(f"{seconds:+d}s\n")

    def environment(self) -> Mapping[str, str]:
        if not self._hands.exists():
            self.jump(0)
        (library,) = debian.unpacked("libfaketime").glob("usr/lib/*/faketime/libfaketime.so.1")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._hands),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


class Full(Lonely):
    """An operator that can write nothing anywhere."""

    def environment(self) -> Mapping[str, str]:
        return {"TMPDIR": "/proc", "HOME": "/proc"}

    def output(self) -> Path:
        return Path("/dev/full")


async def _clock_jumps(place: Place, number: int, seconds: int) -> list[str]:
    async def disturb(trials: Sequence[Trial]) -> None:
        for trial in trials:
            assert isinstance(trial, Elsewhen)
            trial.jump(seconds)

    debian.unpacked("libfaketime")
    return await disturbed(place, number, disturb, make=Elsewhen)


async def _clock_forward(place: Place, number: int) -> list[str]:
    return await _clock_jumps(place, number, AHEAD)


async def _clock_back(place: Place, number: int) -> list[str]:
    return await _clock_jumps(place, number, -BACK)


async def _half_open(place: Place, number: int) -> list[str]:
    async def disturb(trials: Sequence[Trial]) -> None:
        for trial in trials:
            trial.script.broken = True
        await asyncio.sleep(HALF_OPEN_SECONDS)
        for trial in trials:
            trial.script.broken = False

    return await disturbed(place, number, disturb)


async def _slow_consumer(place: Place, number: int) -> list[str]:
    async def disturb(trials: Sequence[Trial]) -> None:
        (trial,) = trials
        assert trial.operator is not None
        await trial.foreign("jobs", _noise())
        trial.operator.signal(signal.SIGSTOP)
        started = asyncio.get_running_loop().time()
        await _flood(place, trial.namespace)
        left = STOPPED_SECONDS - (asyncio.get_running_loop().time() - started)
        await asyncio.sleep(max(0.0, left))
        trial.operator.signal(signal.SIGCONT)

    return await disturbed(place, number, disturb, mixtures=[CHAIN])


async def _flood(place: Place, namespace: str) -> None:
    waiting = iter(range(FLOOD))

    async def pour() -> None:
        for count in waiting:
            text = f"{count} ".ljust(FLOOD_BYTES, "x")
            change = {"metadata": {"annotations": {"noise": text}}}
            await place.client.patch(JOBS, namespace, "foreign-noise", change)

    async with asyncio.TaskGroup() as group:
        for _ in range(FLOOD_AT_ONCE):
            group.create_task(pour())


def _noise() -> dict[str, object]:
    """A Job that looks like one of ours from afar, and never runs."""
    return {
        "metadata": {
            "name": "foreign-noise",
            "labels": {"workflow.kube-zen.io/managed-by": "jobflow"},
        },
        "spec": {
            "suspend": True,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "main", "image": "nothing"}],
                }
            },
        },
    }


async def _own_disk_full(place: Place, number: int) -> list[str]:
    async def disturb(_: Sequence[Trial]) -> None:
        """It is full from the start."""

    return await disturbed(place, number, disturb, make=Full)


async def _tell(process: asyncio.subprocess.Process, operator: Operator) -> None:
    operator.ended.set_result(await process.wait())


CASES = (
    Case("clock ahead", "the operator's clock jumps an hour ahead in mid-run", _clock_forward),
    Case(
        "clock behind",
        f"the operator's clock jumps {BACK} s back in mid-run: a deadline that had begun comes that"
        " much later",
        _clock_back,
    ),
    Case(
        "half-open network",
        f"for {HALF_OPEN_SECONDS:g} s no call is answered and no watch says anything,"
        " and no connection is closed",
        _half_open,
    ),
    Case(
        "slow consumer",
        f"SIGSTOP to the operator for {STOPPED_SECONDS:g} s or more, while {FLOOD:,} events of"
        f" {FLOOD_BYTES // 1000} kB wait for it",
        _slow_consumer,
    ),
    Case(
        "operator's disk full",
        "the log is /dev/full, and no folder can be written to",
        _own_disk_full,
    ),
)
