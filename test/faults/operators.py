"""Starts and ends operators through the nursery, and knows how each of them ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
END_SECONDS = 60.0


class Operator:
    """One process."""

    def __init__(self, pid: int, send: Callable[[int], None]) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._send = send

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still lives."""
        if not self.ended.done():
            self._send(int(number))

    async def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        self.signal(signal.SIGKILL)
        await asyncio.shield(self.ended)

    async def stop(self) -> int:
        """SIGTERM; returns the exit code, -9 for one that had to be killed."""
        self.signal(signal.SIGTERM)
        with suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self.ended), END_SECONDS)
        await self.kill()
        return -signal.SIGKILL


class Nursery:
    """The process that forks them."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._living: dict[int, Operator] = {}
        self._started: asyncio.Queue[Operator] = asyncio.Queue()
        self._lock = asyncio.Lock()

    async def start(self, flags: Sequence[str], log: Path) -> Operator:
        """An operator with these flags, whose output goes to `log`."""
        async with self._lock:  # answers come in the order of orders
            self.order({"start": list(flags), "log": str(log)})
            return await self._started.get()

    def order(self, thing: dict[str, Any]) -> None:
        """Tell the process something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(thing).encode() + b"\n")

    def _send(self, pid: int, number: int) -> None:
        self.order({"signal": number, "pid": pid})

    async def listen(self) -> None:
        """Take what the process says, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "started" in said:
                pid = said["started"]
                operator = Operator(pid, partial(self._send, pid))
                self._living[operator.pid] = operator
                self._started.put_nowait(operator)
            else:
                self._living.pop(said["ended"]).ended.set_result(said["code"])


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A nursery while the block runs; all that it started ends with it."""
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("operator", "test"))
    kept = {k: v for k, v in os.environ.items() if not k.startswith("JOBFLOW_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "faults.nursery"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**kept, "PYTHONPATH": paths, "POD_NAME": "operator"},
    )
    found = Nursery(process)
    listening = asyncio.create_task(found.listen())
    try:
        yield found
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await listening
