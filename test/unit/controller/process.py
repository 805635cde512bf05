"""One process of the operator: it can die at any call, and what it logs as an error is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from jobflows.cluster.transport import Request, Response, Transport, TransportError
from jobflows.controller.operator import Operator

Gate = Callable[[Request], Response | None]
"""May answer a request of the operator in the server's place: a quota, a policy."""


class Life:
    """One process of the operator."""

    def __init__(self, operator: Operator, line: Mortal, task: asyncio.Task[None]) -> None:
        self.operator = operator
        self.line = line
        self.task = task


class Mortal:
    """A transport that can die with its process: what is under way is never answered.

    `last_words` may name a call (by number, from 1) at which it dies, before or after its effect.
    """

    def __init__(self, inner: Transport, gate: Gate) -> None:
        self.inner = inner
        self.gate = gate
        self.dead = False
        self.calls = 0
        self.last_words: tuple[int, str] | None = None
        self.died = asyncio.Event()
        self._never = asyncio.Event()

    def die(self) -> None:
        self.dead = True
        self.died.set()

    async def send(self, request: Request) -> Response:
        await self._breathe()
        self.calls += 1
        number = self.calls
        if self.last_words == (number, "before"):
            self.die()
        await self._breathe()
        try:
            refused = self.gate(request)
            if refused is not None:
                await asyncio.sleep(0.002)
                return refused
            response = await self.inner.send(request)
        except TransportError:
            await self._breathe()
            raise
        if self.last_words == (number, "after"):
            self.die()
        await self._breathe()
        return response

    async def watch(self, request: Request) -> AsyncIterator[bytes]:
        await self._breathe()
        async for line in self.inner.watch(request):
            await self._breathe()
            yield line

    async def close(self) -> None:
        await self.inner.close()

    async def _breathe(self) -> None:
        if self.dead:
            await self._never.wait()


class Errors(logging.Handler):
    def __init__(self, bugs: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._bugs = bugs
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._bugs.append(f"{record.name}: {record.getMessage()} {record.exc_info}")

    def close(self) -> None:
        logging.getLogger().removeHandler(self)
        super().close()
