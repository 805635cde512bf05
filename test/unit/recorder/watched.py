"""A recorder at work beside an operator, in the simulation on virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from jobflows.archive import Archive, ArchiveError, Fact
from jobflows.cluster.transport import Request, Response
from jobflows.recorder.metrics import RecorderMetrics
from jobflows.recorder.recorder import Recorder
from unit.controller.process import Mortal
from unit.controller.stage import Stage
from unit.recorder.metrics_api import MetricsApi


@dataclass
class Watcher:
    """The recorder of a stage. `logs` are what pods have written, by a part of their names."""

    stage: Stage
    archive: Archive
    logs: dict[str, bytes] = field(default_factory=dict)
    away: Callable[[], bool] = lambda: False
    settings: dict[str, Any] = field(default_factory=dict)
    metrics: MetricsApi | None = None
    lives: int = 0

    def start(self) -> None:
        """Start a recorder, as a new process would."""
        self.lives += 1
        server = self.stage.server
        self.registry = CollectorRegistry()
        self.line = Mortal(server.transport("recorder"), self._answer)
        self.recorder = Recorder(
            self.line,
            self._write,
            clock=server.clock,
            rng=random.Random(self.lives),
            metrics=RecorderMetrics(self.registry, server.clock.now),
            **self.settings,
        )
        self.task = asyncio.create_task(self.recorder.run())

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.line.die()
        self.task.cancel()

    async def crash(self) -> None:
        """Kill it, and wait until it is gone."""
        self.kill()
        await asyncio.wait([self.task])

    async def caught_up(self) -> None:
        """Wait until nothing is left to be written."""
        await asyncio.sleep(5)
        await self.stage.until(lambda: not self.recorder.sight.has_news and self.lag() == 0.0, 3600)
        await asyncio.sleep(5)

    def lag(self) -> float:
        value = self.registry.get_sample_value("jobflow_recorder_lag_seconds")
        assert value is not None
        return value

    async def _write(self, facts: Sequence[Fact]) -> int:
        if self.away():
            raise ArchiveError("the database is away")
        written = self.archive.write(facts)
        if self.away():  # it was taken, and nobody heard of it
            raise ArchiveError("the database went away")
        return written

    def _answer(self, request: Request) -> Response | None:
        if self.metrics is not None and (said := self.metrics.answer(request)) is not None:
            return said
        if not request.path.endswith("/log"):
            return None
        name = request.path.split("/")[-2]
        text = next((text for part, text in self.logs.items() if part in name), None)
        return None if text is None else Response(200, text)
