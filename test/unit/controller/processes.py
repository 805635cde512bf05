"""Replicas as processes on virtual time: each can be killed, stopped, woken, and cut off.

A process that is frozen stands still at whatever place it was, as by SIGSTOP. What it had sent is
on its way all the same: a request travels by itself as soon as it has left the process, and one
that is cut off from the server may arrive when the line is mended.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from prometheus_client import CollectorRegistry

from jobflows.cluster.clock import Clock
from jobflows.cluster.transport import Request, Response, Transport, TransportError
from jobflows.controller.metrics import Metrics
from jobflows.controller.replica import Replica
from jobflows.controller.settings import Settings
from model import ApiServer, VirtualLoop
from model.rights import of_the_operator
from unit.controller.process import Gate

Leaves = Callable[[Request], None]
"""Told of a request."""

PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("PROCESS", default=None)
SENT: contextvars.ContextVar[float] = contextvars.ContextVar("SENT")
"""When the request that is being answered left its process, on the server's clock."""
LONGEST_CALL = 30.0
"""Seconds after which a call without an answer is given up, as by the real transport."""
LONGEST_STOP = 9.0
"""Seconds after which a process that does not end in good order is killed, as by the shell."""


class Loop(VirtualLoop):
    """A loop in which callbacks of frozen processes wait."""

    def call_soon(  # type: ignore[override] # what callbacks take is nobody's business here
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        return super().call_soon(_unless_frozen, None, callback, args, context=context)

    def call_at(  # type: ignore[override] # the same
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        own: list[asyncio.TimerHandle] = []
        own.append(super().call_at(when, _unless_frozen, own, callback, args, context=context))
        return own[0]


def _unless_frozen(
    own: list[asyncio.TimerHandle] | None, callback: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    process = PROCESS.get()
    if process is not None and process.frozen:
        process.waiting.append((own, callback, args, contextvars.copy_context()))
    else:
        callback(*args)


def _unless_cancelled(
    own: list[asyncio.TimerHandle] | None, callback: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    """A timer that was due while its process stood still may have been cancelled since."""
    if not own or not own[0].cancelled():
        callback(*args)


class Wire:
    """A transport whose requests travel on their own, whatever becomes of the process.

    `leaves` is told of each request as it leaves, `gate` may answer in the server's place. While
    the line is cut, calls fail at once, or, if it is `silent`, after `LONGEST_CALL` or when they
    arrive late; what the server pushes waits. A line that is `dead` is that of a killed process.
    """

    def __init__(self, inner: Transport, clock: Clock, leaves: Leaves, gate: Gate) -> None:
        self.dead = False
        self._inner = inner
        self._clock = clock
        self._leaves = leaves
        self._gate = gate
        self._silent = False
        self._mended = asyncio.Event()
        self._mended.set()

    @property
    def is_cut(self) -> bool:
        return not self._mended.is_set()

    def cut(self, *, silent: bool) -> None:
        """From now on nothing gets through."""
        self._silent = silent
        self._mended.clear()

    def mend(self) -> None:
        self._mended.set()

    async def send(self, request: Request) -> Response:
        if self.dead:
            await asyncio.Event().wait()
        self._leaves(request)
        refused = self._gate(request)
        if refused is not None:
            await asyncio.sleep(0.002)
            return refused
        context = contextvars.Context()
        context.run(SENT.set, self._clock.now())
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._travel(request), context=context)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def watch(self, request: Request) -> AsyncIterator[bytes]:
        await self._pass()
        async for line in self._inner.watch(request):
            await self._pass()
            yield line

    async def close(self) -> None:
        await self._inner.close()

    async def _travel(self, request: Request) -> Response:
        await self._pass()
        response = await self._inner.send(request)
        await self._pass()
        return response

    async def _pass(self) -> None:
        """Return once the line is whole."""
        if not self.is_cut:
            return
        if not self._silent:
            await asyncio.sleep(0.01)
            raise TransportError("connection refused: no route to host")
        try:
            async with asyncio.timeout(LONGEST_CALL):
                await self._mended.wait()
        except TimeoutError:
            raise TransportError("no answer") from None


class Process:
    """One replica; its name is its identity, and the client by which the server knows it."""

    def __init__(
        self,
        server: ApiServer,
        name: str,
        settings: Settings,
        *,
        rng: random.Random,
        clock: Clock | None = None,
        steady: Callable[[], float] | None = None,
        leaves: Callable[[Process, Request], None] = lambda process, request: None,
        gate: Gate = lambda request: None,
    ) -> None:
        self.name = name
        self.frozen = False
        self.stopping = False
        self.waiting: list[tuple[Any, Any, tuple[Any, ...], contextvars.Context]] = []
        self.registry = CollectorRegistry()
        self._server = server
        context = contextvars.copy_context()
        context.run(PROCESS.set, self)
        self.line = Wire(
            server.transport(name, of_the_operator()),
            server.clock,
            lambda request: leaves(self, request),
            gate,
        )
        self.replica: Replica = context.run(
            Replica,
            self.line,
            settings=settings,
            metrics=Metrics(self.registry),
            clock=clock or server.clock,
            rng=rng,
            steady=steady or server.clock.now,
        )
        self.task = asyncio.get_running_loop().create_task(self.replica.run(), context=context)

    @property
    def able(self) -> bool:
        """Whether nothing keeps it from its work."""
        return not (self.frozen or self.line.is_cut or self.task.done())

    def freeze(self) -> None:
        """SIGSTOP."""
        self.frozen = True

    def wake(self) -> None:
        """SIGCONT."""
        self.frozen = False
        waiting, self.waiting = self.waiting, []
        loop = asyncio.get_running_loop()
        for own, callback, args, context in waiting:
            loop.call_soon(_unless_cancelled, own, callback, args, context=context)

    def cut_off(self, *, silent: bool) -> None:
        """No way to the server; a silent one lets nobody know."""
        self.line.cut(silent=silent)
        if not silent:
            self._server.cut_watches(client=self.name)

    async def stop(self) -> None:
        """SIGTERM."""
        self.stopping = True
        await self.replica.stop()
        done, _ = await asyncio.wait({self.task}, timeout=LONGEST_STOP)
        if not done:
            await self.kill()
        elif not self.task.cancelled():
            await self.task  # raises what it has died of

    async def kill(self) -> None:
        """SIGKILL: nothing of it goes on, but what it has sent is sent."""
        self.line.dead = True
        self.task.cancel()
        self.wake()
        await asyncio.wait({self.task})

    @property
    def shards(self) -> list[int]:
        """What it works on, as its metrics say."""
        return [
            int(sample.labels["shard"])
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == "jobflow_leader" and sample.value == 1
        ]
