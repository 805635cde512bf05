"""Applies flows as they arrive, and notes when each is over."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from bench.changes import changes
from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.transport import Transport
from load.controllers import Controller
from load.manifests import Object

IN_FLIGHT = 64


@dataclass(slots=True)
class Driven:
    """Times are UNIX seconds, by name of the flow."""

    applied: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    phases: dict[str, str] = field(default_factory=dict)
    late: float = 0.0
    """The most seconds that a flow was applied after its time: the load was less than wanted."""

    @property
    def makespan(self) -> float:
        return max(self.ended.values()) - min(self.applied.values()) if self.ended else 0.0


async def is_installed(transport: Transport, controller: Controller) -> bool:
    """Whether the API server knows its objects."""
    client = Client(transport, Limiter(), rng=random.Random(0))
    try:
        await client.list_page(controller.resource, limit=1)
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    return True


async def drive(
    transport: Transport,
    controller: Controller,
    namespace: str,
    manifests: Mapping[str, Object],
    *,
    rate: float,
    seconds: float,
    driven: Driven,
) -> None:
    """Apply all, `rate` a second (0: at once), and wait for their ends, or for so many seconds."""
    client = Client(transport, Limiter(in_flight=IN_FLIGHT), rng=random.Random(0))
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            group.create_task(
                _apply(client, controller, namespace, manifests, rate=rate, driven=driven)
            )
            await _watch(client, controller, namespace, set(manifests), driven)


async def _apply(
    client: Client,
    controller: Controller,
    namespace: str,
    manifests: Mapping[str, Object],
    *,
    rate: float,
    driven: Driven,
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def one(number: int, name: str, body: Object) -> None:
        due = began + number / rate if rate else began
        await asyncio.sleep(max(0.0, due - loop.time()))
        driven.late = max(driven.late, loop.time() - due)
        driven.applied[name] = time.time()
        try:
            await client.create(controller.resource, namespace, body)
        except ApiError as error:
            if not error.already_exists:  # by an attempt of ours whose answer was late
                raise

    async with asyncio.TaskGroup() as group:
        for number, (name, body) in enumerate(manifests.items()):
            group.create_task(one(number, name, body))


async def _watch(
    client: Client, controller: Controller, namespace: str, waiting: set[str], driven: Driven
) -> None:
    over = controller.bad | {controller.good}
    async with aclosing(changes(client, controller.resource, namespace)) as flows:
        async for flow in flows:
            name, phase = flow.metadata.name, flow.status.phase
            if name in waiting and phase in over:
                driven.ended[name] = time.time()
                driven.phases[name] = phase
                waiting.discard(name)
            if not waiting:
                break


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """The median and the tail, in seconds, by nearest rank."""
    ranked = sorted(values)
    if not ranked:
        return {}
    places = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    found = {k: ranked[min(len(ranked) - 1, int(p * len(ranked)))] for k, p in places.items()}
    return {k: round(v, 4) for k, v in (found | {"max": ranked[-1]}).items()}
