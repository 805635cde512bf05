"""Random flows, several faults at once: whatever comes together, the outcome is the one due.

`JOBFLOW_SEEDS=500` tries more seeds than CI does, `JOBFLOW_FIRST_SEED` says where to begin.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from cluster_suite.flows import flow, retry, sim, step
from model import Call, Delivery, Fault, RandomFaults, WatchFault
from unit.controller.stage import Object, Stage, play

FIRST = int(os.environ.get("JOBFLOW_FIRST_SEED", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("JOBFLOW_SEEDS", "40")))

PATIENCE = 200
"""A timeout in seconds, longer than news can be late: an operator that hears of nothing cannot tell
a step that is done from one that hangs."""


@dataclass(frozen=True)
class Due:
    """What must become of a step: its phase, and the attempts that it takes."""

    phase: str
    attempts: int


@dataclass
class ForOperator:
    """A bad network, but only for the operator, and only for a while."""

    random: RandomFaults
    over: bool = False

    def on_call(self, call: Call) -> Fault | None:
        return None if self.over or call.client != "operator" else self.random.on_call(call)

    def on_event(self, delivery: Delivery) -> WatchFault | None:
        if self.over or delivery.client != "operator":
            return None
        return self.random.on_event(delivery)


def make_flow(name: str, rng: random.Random) -> tuple[Object, dict[str, Due]]:
    """A random graph whose steps fail a given number of times, and what is due of it."""
    steps: list[Object] = []
    due: dict[str, Due] = {}
    for i in range(rng.randint(1, 7)):
        me = f"s{i}"
        parents = rng.sample(sorted(due), min(len(due), rng.choice((0, 1, 1, 2))))
        failures, limit = rng.choice(((0, 0), (0, 0), (0, 2), (1, 1), (1, 0), (2, 3)))
        hangs = rng.random() < 0.15 and failures > 0
        script = {"run_for": f"{rng.choice((0, 100, 1500, 6000))}ms"}
        pod = sim(**script)
        if failures:
            which = f"-[1-{failures}]-[a-z0-9]{{5}}$"
            pod = sim("never" if hangs else "fail", only_pods=which, **script)
        fields: Object = {"timeoutSeconds": PATIENCE} if hangs else {}
        may_fail = rng.random() < 0.3
        if may_fail:
            fields["continueOnFailure"] = True
        if limit:
            fields["retryPolicy"] = retry(limit, rng.choice(("100ms", "3s")))
        steps.append(step(me, *parents, pod=pod, **fields))
        if any(_blocks(steps, due, p) for p in parents):
            due[me] = Due("Skipped", 0)
        elif failures > limit:
            due[me] = Due("Failed", limit + 1)
        else:
            due[me] = Due("Succeeded", failures + 1)
    return flow(name, *steps, executionPolicy={"backoffLimit": 100}), due


def _blocks(steps: list[Object], due: Mapping[str, Due], parent: str) -> bool:
    spec = next(s for s in steps if s["name"] == parent)
    if due[parent].phase == "Skipped":
        return True
    return due[parent].phase == "Failed" and not spec.get("continueOnFailure")


async def _trouble(stage: Stage, rng: random.Random) -> None:
    """Outages, compactions and crashes over a minute or so."""
    for _ in range(rng.randint(0, 4)):
        await asyncio.sleep(rng.uniform(0, 15))
        match rng.choice(("crash", "crash", "outage", "compact", "stop")):
            case "crash":
                await stage.crash()
                await asyncio.sleep(rng.choice((0.0, 3.0)))
                stage.start()
            case "stop":
                await stage.stop()
                stage.start()
            case "outage":
                stage.server.down()
                await asyncio.sleep(rng.uniform(0, 40))
                stage.server.up()
            case _:
                stage.server.compact()
                stage.server.cut_watches()


@pytest.mark.parametrize("seed", SEEDS)
def test_random_flows_come_out_right(seed: int) -> None:
    rng = random.Random(seed)
    made = [make_flow(f"f{i}", rng) for i in range(rng.randint(1, 4))]
    faults = ForOperator(RandomFaults(random.Random(seed), rate=rng.choice((0.0, 0.05, 0.2))))

    async def scenario(stage: Stage) -> None:
        stage.server.latency = rng.choice((0.002, 0.002, 0.05, 0.5))
        stage.server.watch_lag = rng.choice((0.004, 0.004, 0.3, 2.0))
        await stage.apply(*(each for each, _ in made))
        stage.server.faults = faults
        await _trouble(stage, rng)
        await asyncio.sleep(60)
        faults.over = True
        names = [each["metadata"]["name"] for each, _ in made]
        await stage.ended(*names, seconds=900)
        await asyncio.sleep(30)
        for each, due in made:
            _check(stage, each["metadata"]["name"], due)
        writes = stage.server.writes()
        await asyncio.sleep(600)
        assert stage.server.writes() == writes

    play(scenario, seed=seed)


def _check(stage: Stage, name: str, due: Mapping[str, Due]) -> None:
    assert stage.phases(name) == {step: what.phase for step, what in due.items()}
    for step_name, what in due.items():
        attempts = dict.fromkeys(range(1, what.attempts + 1), 1)
        made = {k[2]: n for k, n in stage.jobs_made.items() if k[:2] == (name, step_name)}
        ran = {k[2]: n for k, n in stage.pods_run.items() if k[:2] == (name, step_name)}
        assert made == ran == attempts, (name, step_name)
        record = stage.step(name, step_name)
        assert record.get("attempt", 0) == what.attempts
        assert stage.retries(name, step_name) == max(0, what.attempts - 1)
    failed = any(
        what.phase == "Failed" and not _may_fail(stage, name, step_name)
        for step_name, what in due.items()
    )
    assert stage.phase(name) == ("Failed" if failed else "Succeeded")


def _may_fail(stage: Stage, name: str, step_name: str) -> bool:
    found = stage.flow(name)
    assert found is not None
    spec = next(s for s in found["spec"]["steps"] if s["name"] == step_name)
    return bool(spec.get("continueOnFailure"))
