"""Many flows on virtual time, and all that can go wrong meanwhile, when chance has it.

The operator and the recorder crash, also in the middle of a write; the network loses calls and
answers, watches are cut, and the database goes away at one statement or another. What happens, and
at which moment or statement, is drawn from a seed, so the same seed is the same story.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cluster.postgresql import Server
from cluster_suite.flows import flow, retry, sim, step
from jobflows.archive import Archive
from model import Call, Delivery, Fault, RandomFaults, WatchFault
from model.storage import Change
from unit.controller.stage import ENDED, Object, Stage
from unit.recorder.comparing import differences
from unit.recorder.test_recording import flaky, watch
from unit.recorder.watched import Watcher

AT_ONCE = 8
WRITE = 20
"""Statements of which one is struck: about two writes."""
SHORT = {"ttlSecondsAfterFinished": 20}


@dataclass
class Database:
    """Breaks statements of an archive, by chance or by number; a `server` it kills and starts."""

    archive: Archive
    rng: random.Random = field(default_factory=random.Random)
    server: Server | None = None
    rate: float = 0.0
    at: int = -1
    struck: Callable[[], None] = lambda: None
    seen: int = 0
    broken: int = 0
    is_down: bool = False

    def __post_init__(self) -> None:
        for event in ("do_execute", "do_executemany"):
            sa.event.listen(self.archive.engine, event, self._statement)

    def goes(self) -> None:
        """It goes away at one of the next statements, whichever that is."""
        self.strike(self._go)

    def strike(self, struck: Callable[[], None]) -> None:
        """One of the next statements breaks, and this happens."""
        self.struck, self.at = struck, self.seen + self.rng.randint(1, WRITE)

    def back(self) -> None:
        """It is there again, if it was away, and breaks no more."""
        self.rate, self.at = 0.0, -1
        if self.server is not None and self.is_down:
            self.server.start()
        self.is_down = False

    def _go(self) -> None:
        self.is_down = True
        if self.server is not None:
            self.server.stop()

    def _statement(self, *_: Any) -> None:
        self.seen += 1
        if self.seen == self.at:
            self.struck()
        if self.seen == self.at or self.is_down or self.rng.random() < self.rate:
            self.broken += 1
            if self.server is None or not self.is_down:  # which breaks it by itself
                raise self.archive.engine.dialect.dbapi.OperationalError("disk I/O error")  # type: ignore[union-attr] # it is loaded


@dataclass
class BadNetwork:
    """For the operator and the recorder, until it is over."""

    random: RandomFaults
    over: bool = False

    def on_call(self, call: Call) -> Fault | None:
        return None if self.over or call.client == "user" else self.random.on_call(call)

    def on_event(self, delivery: Delivery) -> WatchFault | None:
        return None if self.over else self.random.on_event(delivery)


def made_up(name: str, rng: random.Random) -> Object:
    """A flow of a few steps, or of an array; some go soon after their end."""
    if rng.random() < 0.25:
        failing = f"-[1-{rng.randint(1, 2)}]-[0-{rng.randint(0, 3)}]-[a-z0-9]{{5}}$"
        pod = sim("fail", only_pods=failing, exit_code="3", run_for="2s")
        array = {"count": rng.randint(1, 6)}
        limit = retry(rng.choice((0, 3)), "1s")
        made = flow(name, step("many", pod=pod, array=array, retryPolicy=limit), step("other"))
    else:
        made = flaky(name, rng)
    if rng.random() < 0.3:
        made["spec"].setdefault("executionPolicy", {}).update(SHORT)
    return made


class Ledgers:
    """Each flow as it was last stored, by its name: also those that are gone."""

    def __init__(self, stage: Stage) -> None:
        self.last: dict[str, Object] = {}
        stage.server.storage.listeners.append(self._changed)

    def _changed(self, change: Change) -> None:
        if change.new.kind.plural == "jobflows":
            self.last[change.new.metadata["name"]] = change.new.obj

    async def ended(self, names: list[str]) -> None:
        """Wait for the end of flows, also of those that are gone at once."""
        while {self._phase(name) for name in names} - set(ENDED):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(1)

    def _phase(self, name: str) -> str:
        return str((self.last[name].get("status") or {}).get("phase", ""))


def play_many(archive: Archive, count: int, seed: int, server: Server | None = None) -> list[str]:
    """Let so many flows run; returns what the archive has and the ledgers have not, or the reverse.

    It is looked at twice: once after all the trouble, and again after a recorder has begun anew.
    """
    found: list[str] = []
    rng = random.Random(seed)
    database = Database(archive, rng, server)

    async def scenario(stage: Stage, watcher: Watcher) -> None:
        ledgers = Ledgers(stage)
        network = stage.server.faults = BadNetwork(RandomFaults(rng, rate=0.03))
        trouble = asyncio.create_task(make_trouble(rng, stage, watcher, database))
        for first in range(0, count, AT_ONCE):
            names = [f"flow-{n}" for n in range(first, min(first + AT_ONCE, count))]
            await stage.apply(*(made_up(name, rng) for name in names))
            await ledgers.ended(names)
        trouble.cancel()
        await asyncio.wait([trouble])
        assert trouble.cancelled()
        network.over, watcher.away = True, never
        database.back()
        stage.server.cut_watches()
        await asyncio.sleep(120)
        if watcher.task.done():
            watcher.start()
        await watcher.caught_up()
        found.extend(differences(ledgers.last.values(), stage.jobs_made, archive))
        await watcher.crash()
        watcher.start()
        await watcher.caught_up()
        found.extend(differences(ledgers.last.values(), stage.jobs_made, archive))

    try:
        watch(archive, scenario, seed=seed, archive_required=True)
    finally:
        database.back()
    assert database.broken, "it was never away"
    return found


TROUBLES = (
    *("operator", "recorder", "recorder in a write", "watches"),
    *("database", "statements", "answers"),
)


async def make_trouble(
    rng: random.Random, stage: Stage, watcher: Watcher, database: Database
) -> None:
    """Let one thing after another go wrong, for ever."""
    for which in _one_after_another(rng):
        await asyncio.sleep(rng.uniform(0, 4))
        match which:
            case "operator":
                await stage.crash()
                await asyncio.sleep(rng.uniform(0, 5))
                stage.start()
            case "recorder":
                await watcher.crash()
                await asyncio.sleep(rng.uniform(0, 15))
                watcher.start()
            case "recorder in a write":
                database.strike(watcher.kill)
                await asyncio.sleep(rng.uniform(1, 15))
                if watcher.task.done():
                    watcher.start()
            case "watches":
                stage.server.cut_watches()
            case "database":
                database.goes()
                await asyncio.sleep(rng.uniform(1, 10))
            case "statements":
                database.rate = 0.1
                await asyncio.sleep(rng.uniform(1, 10))
            case "answers":  # it is taken, and nobody hears of it
                watcher.away = lambda: rng.random() < 0.5
                await asyncio.sleep(rng.uniform(1, 10))
        watcher.away = never
        database.back()


def _one_after_another(rng: random.Random) -> Iterator[str]:
    while True:
        yield from rng.sample(TROUBLES, len(TROUBLES))


def never() -> bool:
    return False


def drawn() -> int:
    """The seed of a test that is another one each time: SEED, or any. A failure shows it."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"SEED={seed} plays this again")
    return seed
