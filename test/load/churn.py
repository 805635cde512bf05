"""24 hours of flows that come and go, in the model of a cluster on virtual time.

Flows of all kinds arrive all day, end in their ways and are deleted by their time to live. What an
operator holds when the last one is gone must be what it held after the first: every timer, cache
entry, sighting, turn in a line and series.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cluster_suite.flows import fails_until, flow, manual, retry, runs, sim, step
from jobflows.cluster.events import REMEMBERED
from jobflows.controller.workqueue import DEAD_TIMERS
from jobflows.engine.stopping import STOP_ANNOTATION
from load.leftovers import grown, sizes, timers, weigh
from load.meter import Sample
from load.result import About, Result
from unit.controller.stage import FLOWS, Object, Stage, play

HOUR = 3_600.0
LIFE = 600
"""Seconds that a finished flow stays."""
LOOKS = 8

BOUNDED = {
    "_events._series": REMEMBERED,
    "_events._series[]": 3 * REMEMBERED,
    "_events._buckets": REMEMBERED,
    "queue._due": DEAD_TIMERS,
    "queue._due[]": 2 * DEAD_TIMERS,
}
"""What may lie about for a while, and no more of it than this."""


@dataclass(slots=True)
class Churn:
    """`kept` is what grew between two quiet moments, a flow after the begin and a flow's end."""

    flows: int = 0
    cpu: float = 0.0
    kept: dict[str, tuple[int, int]] = field(default_factory=dict)
    timers: tuple[int, int] = (0, 0)
    series: tuple[int, int] = (0, 0)
    ended: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Virtual seconds, and KiB that the operator holds, what it remembers of events apart."""


def churn(hours: float, every: float, *, seed: int = 0, weighed: bool = False) -> Churn:
    """A flow `every` so many seconds, for so many hours."""
    told = Churn()
    began = time.process_time()

    async def scenario(stage: Stage) -> None:
        rng = random.Random(seed)
        # One of each kind comes and goes first, so that what is made once is there.
        for number, kind in enumerate(KINDS):
            await _live(stage, f"first-{number}", kind, told)
        await _gone(stage)
        held, clocks, lines = _look(stage)
        count = int(hours * HOUR / every)
        for number in range(count):
            if weighed and number % max(1, count // LOOKS) == 0:
                told.memory.append((stage.server.clock.now(), _held(stage)))
            name = f"f{number}"
            await _live(stage, name, rng.choice(KINDS), told)
            told.flows += 1
            await asyncio.sleep(rng.expovariate(1 / every))
        await _gone(stage)
        if weighed:
            told.memory.append((stage.server.clock.now(), _held(stage)))
        after, clocks_after, lines_after = _look(stage)
        told.kept = {p: n for p, n in grown(held, after).items() if n[1] > BOUNDED.get(p, 0)}
        told.timers = (clocks, clocks_after)
        told.series = (lines, lines_after)

    play(scenario, seed=seed, max_concurrent_jobs=50)
    told.cpu = time.process_time() - began
    return told


def _look(stage: Stage) -> tuple[Counter[str], int, int]:
    lines = sum(len(metric.samples) for metric in stage.registry.collect())
    return sizes(stage.operator), timers(asyncio.get_running_loop()), lines


async def _live(stage: Stage, name: str, kind: Callable[[str], Object], told: Churn) -> None:
    """Apply a flow; people answer, stop and delete some of them."""
    made = kind(name)
    await stage.apply(made)
    if kind is _asks:
        await stage.annotate(name, ask="true")
    elif kind is _stopped:
        await asyncio.sleep(2)
        said = {STOP_ANNOTATION: "terminate"}
        await stage.call("PATCH", f"{FLOWS}/{name}", {"metadata": {"annotations": said}})
    elif kind is _deleted:
        await asyncio.sleep(2)
        await stage.delete(name)
    told.ended[kind.__name__.strip("_")] += 1


async def _gone(stage: Stage) -> None:
    """Wait until no flow is left, and a while longer for what runs late."""
    await stage.until(lambda: not stage.operator.world.flows, 4 * LIFE)
    await asyncio.sleep(2 * HOUR)


def _held(stage: Stage) -> float:
    operator = stage.operator
    return (weigh(operator) - weigh(operator._events)) / 1024  # its memory of events has a bound


def _flow(name: str, *steps: Object, **spec: Any) -> Object:
    policy = {"ttlSecondsAfterFinished": LIFE, **spec.pop("executionPolicy", {})}
    return flow(name, *steps, executionPolicy=policy, **spec)


def _chain(name: str) -> Object:
    return _flow(name, step("a", pod=runs("20s")), step("b", "a"), step("c", "b"))


def _fails(name: str) -> Object:
    return _flow(name, step("a", pod=sim("fail")), step("b", "a"))


def _retried(name: str) -> Object:
    again = retry(3, "5s")
    return _flow(name, step("a", pod=fails_until(3), retryPolicy=again), step("b", "a"))


def _late(name: str) -> Object:
    return _flow(name, step("a", pod=sim("never"), timeoutSeconds=30))


def _asks(name: str) -> Object:
    return _flow(name, manual("ask"), step("a", "ask"))


def _stopped(name: str) -> Object:
    return _flow(name, step("a", pod=sim("never")), step("b", "a"))


def _deleted(name: str) -> Object:
    return _flow(
        name, step("a", pod=sim("never")), executionPolicy={"activeDeadlineSeconds": 80000}
    )


def _array(name: str) -> Object:
    return _flow(
        name, step("a", array={"count": 5}), step("b", "a", when="steps.a.phase == 'Failed'")
    )


def _locked(name: str) -> Object:
    lock = {"locks": [{"name": "licence"}]}
    return _flow(name, step("a", pod=runs("40s"), **lock), step("b", pod=runs("40s"), **lock))


def _invalid(name: str) -> Object:
    return _flow(name, step("a", "nowhere"))


KINDS: tuple[Callable[[str], Object], ...] = (
    *(_chain, _fails, _retried, _late, _asks, _stopped, _deleted, _array, _locked, _invalid),
)


def measure(hours: float = 24.0, every: float = 60.0) -> Result:
    """As a scenario, with memory by the hour."""
    about = About.here("python -m load scenario churn", [], None)
    told = churn(hours, every, weighed=True)
    start = told.memory[0][0]
    samples = [Sample(at - start, 0.0, kib / 1024, 0, 0.0) for at, kib in told.memory]
    figures = {
        "flows": told.flows,
        "hours": hours,
        "kinds": dict(told.ended),
        "kept": told.kept,
        "timers": told.timers,
        "series": told.series,
        "memory_kib": [round(kib) for _, kib in told.memory],
        "cpu_s": {"controller and model": round(told.cpu, 1)},
    }
    return Result("churn", about, {"hours": hours, "every": every}, figures, samples)
