"""The scenarios of docs/benchmarks/load.md, by name: `python -m load scenario NAME`.

The large ones have Jobs without pods, which a stand-in for the Job controller finishes: the
operator sees and does what it would, and two cores are not filled by pods that only pretend.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from cluster.record import Record
from load import churn
from load.resident import resident
from load.result import ROOT, Result
from load.run import Options, ground, measure
from load.work import Plan

OnCluster = Callable[[Record], Coroutine[Any, Any, Result]]

RESULTS = ROOT / "docs" / "benchmarks" / "results"

NO_PODS = "Jobs without pods; a stand-in for the Job controller finishes each as it is seen."


@dataclass(frozen=True, slots=True)
class Scenario:
    """`note` says what stands for what on these two cores."""

    title: str
    note: str
    run: OnCluster


def _load(name: str, options: Options) -> OnCluster:
    async def run(record: Record) -> Result:
        async with ground(record, options.controller, options.flags) as where:
            return await measure(where, name, options)

    return run


async def _churn(record: Record) -> Result:
    return await asyncio.to_thread(churn.measure)  # a loop of its own, on virtual time


SCENARIOS = {
    "full": Scenario(
        "20 flows of 10 steps, pods and all",
        "Pods are simulated from their creation to their end.",
        _load("full", Options(Plan("layers", 20, 10))),
    ),
    "thousand": Scenario(
        "1,000 flows of 10 steps at once",
        NO_PODS,
        _load("thousand", Options(Plan("layers", 1_000, 10), pods="none", seconds=3_000)),
    ),
    "resident": Scenario(
        "10,000 finished flows and 50,000 Jobs, then 100 flows at work",
        "A flow that was run is copied with its Jobs into etcd. " + NO_PODS,
        resident,
    ),
    "steps": Scenario(
        "One flow of 10,000 steps",
        NO_PODS,
        _load("steps", Options(Plan("layers", 1, 10_000), pods="none", seconds=3_000)),
    ),
    "array": Scenario(
        "One array of 100,000 tasks, 10,000 at once",
        "Jobs without pods; a stand-in for the Job controller counts a tenth of each every second.",
        _load("array", Options(Plan("wide", 1, 1, 100_000, 10_000), pods="none", seconds=1_500)),
    ),
    "burst": Scenario(
        "50 new flows a second for a minute",
        NO_PODS,
        _load("burst", Options(Plan("wide", 3_000, 1), rate=50, pods="none", seconds=1_500)),
    ),
    "churn": Scenario(
        "24 hours of flows that come and go",
        "In the model of a cluster, on virtual time.",
        _churn,
    ),
}
