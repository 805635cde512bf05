"""What goes wrong around the operator while the trouble lasts, one coroutine for each kind."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass
from random import Random

import msgspec

from jobflows.cluster.transport import MERGE_PATCH, Request, Response, TransportError
from model import Call, Delivery, Fault, RandomFaults, WatchFault, kind_of
from simulation.facts import VANDAL, is_operator
from simulation.features import Features
from simulation.fleet import Fleet
from simulation.lives import Lives, OneOperator
from simulation.steps import Object
from simulation.upheavals import SeveralOperators
from unit.controller.stage import FLOWS, JOBS, Stage

PODS = "/api/v1/namespaces/default/pods"


@dataclass(slots=True)
class OperatorsLine:
    """A bad network, but only for operators, and only for a while; counts what it did."""

    calls: RandomFaults | None
    events: RandomFaults | None
    over: bool = False
    count: int = 0

    def on_call(self, call: Call) -> Fault | None:
        if self.over or self.calls is None or not is_operator(call.client):
            return None
        fault = self.calls.on_call(call)
        self.count += fault is not None
        return fault

    def on_event(self, delivery: Delivery) -> WatchFault | None:
        if self.over or self.events is None or not is_operator(delivery.client):
            return None
        fault = self.events.on_event(delivery)
        self.count += fault is not None
        return fault


class Troubles:
    """All of one world, for `seconds`."""

    def __init__(
        self, stage: Stage, features: Features, rngs: dict[str, Random], seconds: float
    ) -> None:
        self.stage = stage
        self.features = features
        self.seconds = seconds
        self.count: Counter[str] = Counter()
        self._rngs = rngs
        rng = rngs["line"]
        rate = rng.choice((0.02, 0.1, 0.25))
        delay = rng.choice((0.5, 5.0, 5.0, 20.0))
        self.line = OperatorsLine(
            RandomFaults(Random(rng.random()), rate, delay) if "calls" in features else None,
            RandomFaults(Random(rng.random()), rate, delay) if "events" in features else None,
        )
        stage.server.faults = self.line
        if "latency" in features:
            stage.server.latency = rng.choice((0.02, 0.3, 1.0))
        if "lag" in features:
            stage.server.watch_lag = rng.choice((0.3, 1.0, 3.0))
        self.lives = self._lives()

    async def strike(self) -> None:
        """Let all kinds of trouble have their time, side by side."""
        kinds = {
            "outages": self._outages,
            "compaction": self._compaction,
            "nodes": self._nodes,
            "quota": self._quota,
            "clock": self._clock,
            "meddle": self._meddle,
        }
        tasks: list[Awaitable[None]] = [
            kinds[name](self._rngs[name]) for name in kinds if name in self.features
        ]
        await asyncio.gather(*tasks, self.lives.strike())

    def end(self) -> None:
        """From now on everything works, if not faster."""
        self.line.over = True
        self.stage.server.up()
        self.stage.gate = _open
        self.lives.end()

    def _lives(self) -> Lives:
        stage, features, seconds = self.stage, self.features, self.seconds
        if isinstance(stage, Fleet):
            return SeveralOperators(stage, features, self._rngs, seconds, self.count)
        return OneOperator(stage, features, self._rngs["crashes"], seconds, self.count)

    async def _pauses(self, rng: Random, most: int) -> int:
        """How often something happens; and the time until it does the first time."""
        await asyncio.sleep(rng.uniform(0.0, self.seconds / 2))
        return rng.randint(1, most)

    async def _outages(self, rng: Random) -> None:
        for _ in range(await self._pauses(rng, 2)):
            self.count["outages"] += 1
            self.stage.server.down()
            self.lives.tell()
            await asyncio.sleep(rng.choice((0.5, 5.0, 30.0)) * rng.random())
            self.stage.server.up()
            self.lives.tell()
            await asyncio.sleep(rng.uniform(0.0, 10.0))

    async def _compaction(self, rng: Random) -> None:
        for _ in range(await self._pauses(rng, 3)):
            self.count["compactions"] += 1
            server = self.stage.server
            server.compact()
            rng.choice((server.cut_watches, server.end_watches, server.expire_watches))()
            await asyncio.sleep(rng.uniform(0.0, 10.0))

    async def _nodes(self, rng: Random) -> None:
        for _ in range(await self._pauses(rng, 2)):
            self.count["nodes lost"] += 1
            for pod in self.stage.pods():
                if pod["status"]["phase"] == "Running" and rng.random() < 0.8:
                    meta = pod["metadata"]
                    self.stage.server.kubelet.disrupt(
                        meta["namespace"], meta["name"], "DeletionByTaintManager"
                    )
            await asyncio.sleep(rng.uniform(0.0, 15.0))

    async def _quota(self, rng: Random) -> None:
        await self._pauses(rng, 1)
        text = "exceeded quota: jobs, requested: count/jobs.batch=1, used: 5, limited: 5"
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": "Forbidden",
            "message": f'jobs.batch "x" is forbidden: {text}',
            "code": 403,
        }
        refusal = Response(403, msgspec.json.encode(body))

        def gate(request: Request) -> Response | None:
            if request.method == "POST" and request.path == JOBS:
                self.count["refusals"] += 1
                return refusal
            return None

        self.stage.gate = gate
        await asyncio.sleep(rng.choice((1.0, 10.0, 40.0)) * rng.random())
        self.stage.gate = _open

    async def _clock(self, rng: Random) -> None:
        for _ in range(await self._pauses(rng, 2)):
            self.count["clock jumps"] += 1
            self.lives.clock(rng).wrong += rng.choice((-30.0, -2.0, 1.0, 5.0, 40.0))
            await asyncio.sleep(rng.uniform(0.0, 15.0))

    async def _meddle(self, rng: Random) -> None:
        vandal = self.stage.server.transport(VANDAL)
        for _ in range(rng.randint(1, 5)):
            await asyncio.sleep(rng.uniform(0.0, self.seconds / 4))
            request = self._mischief(rng)
            if request is not None:
                self.count["meddling"] += 1
                try:
                    await vandal.send(request)
                except TransportError:
                    continue

    def _mischief(self, rng: Random) -> Request | None:
        kind = rng.choice(("job", "pod", "label", "label", "note", "status"))
        plural, root = ("pods", PODS) if kind == "pod" else ("jobs", JOBS)
        if kind in ("note", "status"):
            plural, root = "jobflows", FLOWS
        names = [o["metadata"]["name"] for o in self.stage.server.objects(kind_of(plural))]
        if not names:
            return None
        path = f"{root}/{rng.choice(names)}"
        match kind:
            case "job" | "pod":
                how = {"propagationPolicy": rng.choice(("Background", "Foreground"))}
                return Request("DELETE", path, {}, msgspec.json.encode(how))
            case "label":
                return _patch(path, {"metadata": {"labels": {"team": rng.choice("abc")}}})
            case "note":
                return _patch(path, {"metadata": {"annotations": {"note": rng.choice("abc")}}})
            case _:
                return _patch(f"{path}/status", {"status": {"message": "nonsense"}})


def _patch(path: str, body: Object) -> Request:
    return Request("PATCH", path, {}, msgspec.json.encode(body), MERGE_PATCH)


def _open(request: Request) -> Response | None:
    return None
