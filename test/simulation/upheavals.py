"""What befalls one of several operators, while the others go on: one coroutine for each kind."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

from jobflows.cluster.transport import Request
from simulation.clocks import Jumpy
from simulation.features import Features
from simulation.fleet import Fleet
from unit.controller.processes import Process

Befall = Callable[[Process, Random], Awaitable[None]]

MOST = 4
"""Processes at a time."""


class SeveralOperators:
    """They come and go, are killed, stand still, and are cut off; the rest is up to the others."""

    def __init__(
        self,
        fleet: Fleet,
        features: Features,
        rngs: dict[str, Random],
        seconds: float,
        count: Counter[str],
    ) -> None:
        self.fleet = fleet
        self._features = features
        self._rngs = rngs
        self._seconds = seconds
        self._count = count
        self._lease = fleet.plan.lease

    def begin(self) -> None:
        for _ in range(self.fleet.plan.count):
            self.fleet.join()

    async def strike(self) -> None:
        kinds = {
            "kills": ({"kills", "crashes"}, self._kill),
            "joins": ({"joins", "restarts"}, self._move),
            "pauses": ({"pauses"}, self._pause),
            "partitions": ({"partitions"}, self._part),
        }
        await asyncio.gather(
            *(
                self._repeat(name, befall)
                for name, (causes, befall) in kinds.items()
                if causes & self._features
            )
        )

    def end(self) -> None:
        for member in self.fleet.running:
            if member.frozen:
                self.fleet.wake(member)
            if member.line.is_cut:
                self.fleet.mend(member)
        if not any(not member.stopping for member in self.fleet.running):
            self.fleet.join()

    async def thin_out(self) -> None:
        """All but one leave, one after the other: the shards go to those who stay."""
        for member in self.fleet.running[1:]:
            await self.fleet.leave(member)

    def tell(self) -> None:
        self.fleet.tell("")

    def clock(self, rng: Random) -> Jumpy:
        return rng.choice(list(self.fleet.clocks.values()))

    async def _repeat(self, name: str, befall: Befall) -> None:
        rng = self._rngs[name]
        for _ in range(rng.randint(1, 3)):
            await asyncio.sleep(rng.uniform(0.0, self._seconds / 2))
            member = self._victim(rng)
            if member is not None:
                await self._moment(member, rng)
                if not (member.task.done() or member.stopping):
                    self._count[name] += 1
                    await befall(member, rng)

    def _victim(self, rng: Random) -> Process | None:
        """Mostly one that has something to lose."""
        there = [member for member in self.fleet.running if not member.stopping]
        at_work = [member for member in there if member.replica.operators]
        chosen = at_work if at_work and rng.random() < 0.7 else there
        return rng.choice(chosen) if chosen else None

    async def _moment(self, member: Process, rng: Random) -> None:
        """Right now, or when one of its next writes for a flow has just left it."""
        if rng.random() < 0.3:
            return
        left = rng.randint(1, 4)
        gone = asyncio.Event()

        def count(sender: Process, request: Request) -> None:
            nonlocal left
            writes = request.method != "GET" and "/leases" not in request.path
            left -= sender is member and writes
            if left <= 0:
                gone.set()

        self.fleet.requests.append(count)
        try:
            async with asyncio.timeout(5.0):
                await gone.wait()
        except TimeoutError:
            pass
        finally:
            self.fleet.requests.remove(count)

    def _some_time(self, rng: Random) -> float:
        """Shorter than a Lease, or longer."""
        return self._lease * rng.choice((0.3, 1.1, 1.1, 2.0)) + rng.uniform(0.0, 1.0)

    # what befalls them --------------------------------------------------------------------------

    async def _kill(self, member: Process, rng: Random) -> None:
        """Its container starts again under its name, or a new one comes."""
        await self.fleet.kill(member)
        lease = self._lease
        await asyncio.sleep(rng.choice((0.0, 0.5 * lease, 0.8 * lease, self._some_time(rng))))
        if len(self.fleet.running) < MOST:
            self.fleet.join(rng.choice((member.name, "", "")))

    async def _move(self, member: Process, rng: Random) -> None:
        if rng.random() < 0.4 and len(self.fleet.running) < MOST:
            self.fleet.join()
            return
        await self.fleet.leave(member)
        await asyncio.sleep(rng.choice((0.0, 1.0, self._some_time(rng))))
        if len(self.fleet.running) < MOST and rng.random() < 0.8:
            self.fleet.join()

    async def _pause(self, member: Process, rng: Random) -> None:
        self.fleet.freeze(member)
        await asyncio.sleep(self._some_time(rng))
        if member.frozen:
            self.fleet.wake(member)

    async def _part(self, member: Process, rng: Random) -> None:
        self.fleet.cut_off(member, silent=rng.random() < 0.5)
        await asyncio.sleep(self._some_time(rng))
        if member.line.is_cut:
            self.fleet.mend(member)
