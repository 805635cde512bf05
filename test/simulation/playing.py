"""Plays one world: the trouble, the healing, the wait for the end, and a rest."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from zlib import crc32

from model import ApiServer, DeadlockError, TimeLimitError, VirtualLoop, simulate
from simulation.facts import ENDED, Facts, FlowFacts, is_operator
from simulation.fleet import Fleet
from simulation.invariants import RULES, Breach, Invariant
from simulation.owners import Owners
from simulation.people import Person
from simulation.scene import Scene
from simulation.script import Scripts
from simulation.trace import Trace
from simulation.troubles import Troubles
from simulation.world import World
from unit.controller.processes import Loop
from unit.controller.stage import Stage

PATIENCE = 14_400.0
"""Seconds in which every flow has to end once nothing is in the way: retries and timeouts in a row
take their time, and cost nothing here."""
PARTS = (
    *("line", "outages", "compaction", "nodes", "quota", "clock", "meddle", "crashes"),
    *("kills", "joins", "pauses", "partitions"),
)
"""What of the trouble draws from a stream of its own."""
SETTLE = 40.0
REST = 600.0
SHORT_REST = 30.0
"""Where Leases are renewed meanwhile, which is most of what happens there."""


@dataclass(slots=True)
class Outcome:
    """What became of a world; `count` is for the summary."""

    world: World
    breaches: list[Breach]
    count: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    digest: int = 0
    trace: Trace | None = None


def play(seed: int, without: Collection[str] = (), *, traced: bool = False) -> Outcome:
    """Play the world of a seed to its end."""
    world = World.of_seed(seed, without)

    async def main(server: ApiServer) -> Outcome:
        return await _World(world, server, traced=traced).live()

    try:
        loop = Loop if world.replicas else VirtualLoop
        return simulate(main, seed=seed, limit_seconds=30 * 86_400.0, make_loop=loop)
    except (DeadlockError, TimeLimitError) as error:
        return Outcome(world, [Breach("every-flow-ends", 0.0, "", str(error))])


class _World:
    def __init__(self, world: World, server: ApiServer, *, traced: bool) -> None:
        self.world = world
        self.stage = _stage(world, server)
        self.scripts = Scripts()
        server.script = self.scripts
        self.rules: list[Invariant] = []
        self.facts = Facts(server, self.rules)
        rngs = {part: world.rng(part) for part in PARTS}
        self.troubles = Troubles(self.stage, world.features, rngs, world.seconds)
        self.scene = Scene(world, self.stage, self.facts, self.troubles, server.clock.now())
        if isinstance(self.stage, Fleet):
            self.scene.owners = Owners(self.stage)
        self.rules.extend(rule(self.scene) for rule in RULES)
        self.trace = Trace(self.scene) if traced else None
        self.people = [Person(self.stage, flow, world, self.scripts) for flow in world.flows]

    async def live(self) -> Outcome:
        self.troubles.lives.begin()
        try:
            await asyncio.gather(self.troubles.strike(), *(p.live() for p in self.people))
            self.troubles.end()
            self.scene.healed = self.facts.now()
            await asyncio.sleep(1.0)
            for person in self.people:
                await person.make_up()
            await self._until_all_ended()
            await self.troubles.lives.thin_out()
            await asyncio.sleep(SETTLE)
            self._plan_flows()
            self._tell("settled")
            await asyncio.sleep(SHORT_REST if self.world.replicas else REST)
            self._tell("rested")
            if self.world.deletes_all:
                await self._delete_all()
                self._tell("ended")
        finally:
            await self.stage.close()
        return self._outcome()

    async def _until_all_ended(self) -> None:
        end = self.facts.now() + PATIENCE
        pause = 1.0
        while self.facts.now() < end and not all(map(_is_over, self.facts.living())):
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, 60.0)

    async def _delete_all(self) -> None:
        for flow in self.facts.living():
            await self.stage.delete(flow.name)
        await asyncio.sleep(30.0 if self.world.replicas else 120.0)

    def _plan_flows(self) -> None:
        """Which flow of the plan became which: the first of each name."""
        for flow in sorted(self.facts.flows.values(), key=lambda flow: flow.created):
            planned = next((one for one in self.world.flows if one.name == flow.name), None)
            if planned is not None and planned not in self.scene.planned.values():
                self.scene.planned[flow.uid] = planned

    def _tell(self, moment: str) -> None:
        for rule in self.rules:
            getattr(rule, moment)()

    def _outcome(self) -> Outcome:
        stage, facts = self.stage, self.facts
        breaches = sorted((b for rule in self.rules for b in rule.breaches), key=lambda b: b.time)
        count: Counter[str] = Counter(self.troubles.count)
        count["faults"] = self.troubles.line.count
        count["calls"] = sum(is_operator(line.client) for line in stage.server.requests)
        count["flows"] = len(facts.flows)
        count["Jobs"] = len(facts.jobs)
        count["late Jobs"] = sum(job.late for job in facts.jobs.values())
        count["pods"] = sum(len(job.pods) for job in facts.jobs.values())
        count["acts of people"] = sum(person.acts for person in self.people)
        lines = ((line.time, line.verb, line.name, line.status) for line in stage.server.requests)
        digest = crc32(repr(list(lines)).encode()) if self.trace else 0
        return Outcome(self.world, breaches, count, self.scene.time(), digest, self.trace)


def _stage(world: World, server: ApiServer) -> Stage:
    if world.replicas is None:
        return Stage(server, world.seed, **world.settings)
    drifts = "drift" in world.features
    return Fleet(server, world.seed, world.replicas, drifts=drifts, **world.settings)


def _is_over(flow: FlowFacts) -> bool:
    unheard = flow.status.get("observedGeneration") != flow.obj["metadata"]["generation"]
    mended = flow.status.get("reason") == "Invalid" and unheard
    return flow.phase in ENDED and not mended
