"""How the operator of a world begins, dies, comes back, and is there in the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Protocol

from simulation.clocks import Jumpy
from simulation.features import Features
from unit.controller.stage import Stage


class Lives(Protocol):
    """Those of one operator, or of several."""

    def begin(self) -> None:
        """Start what is there at first."""

    async def strike(self) -> None:
        """Let happen to them what happens in this world."""

    def end(self) -> None:
        """From now on nothing happens to them any more, and somebody works."""

    async def thin_out(self) -> None:
        """All flows have ended: most of those who share the work may go."""

    def tell(self) -> None:
        """The server has gone away, or come back."""

    def clock(self, rng: Random) -> Jumpy:
        """One that may go wrong."""


class OneOperator:
    """It is killed or told to end, and the next one starts some time later."""

    def __init__(
        self, stage: Stage, features: Features, rng: Random, seconds: float, count: Counter[str]
    ) -> None:
        self.stage = stage
        self._ends = [kind for kind in ("crashes", "restarts") if kind in features]
        self._rng = rng
        self._seconds = seconds
        self._count = count
        self._clock = Jumpy(stage.server.clock)
        stage.clock = self._clock

    def begin(self) -> None:
        self.stage.start()

    async def strike(self) -> None:
        rng = self._rng
        for _ in range(rng.randint(1, 4) if self._ends else 0):
            await asyncio.sleep(rng.uniform(0.0, self._seconds / 3))
            kind = rng.choice(self._ends)
            self._count[kind] += 1
            pause = rng.choice((0.0, 0.0, 1.0, 6.0))
            if kind == "restarts":
                await self.stage.stop()
            else:
                await self._crash(rng)
            await asyncio.sleep(pause)
            self.stage.start()

    def end(self) -> None:
        if self.stage.life.task.done() or self.stage.life.line.dead:
            self.stage.start()

    async def thin_out(self) -> None:
        return None

    def tell(self) -> None:
        return None

    def clock(self, rng: Random) -> Jumpy:
        return self._clock

    async def _crash(self, rng: Random) -> None:
        """Right now, or before or after one of the next calls."""
        line = self.stage.life.line
        if rng.random() < 0.6:
            line.last_words = (line.calls + rng.randint(1, 5), rng.choice(("before", "after")))
            try:
                async with asyncio.timeout(5.0):
                    await line.died.wait()
            except TimeoutError:
                line.last_words = None
        await self.stage.crash()
