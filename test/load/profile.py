"""The figures that `rangespec.yaml` bounds: a short profile for CI, and the full one.

The short one has simulated pods, so that the operator is held against the bare loop as it is in
`make bench`, and flows that come and go in the model. The full one is all scenarios besides.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from bench.audit import WRITES, AuditLog
from bench.compare import Bench
from bench.operator_run import FLAGS
from bench.plane import connection
from bench.shapes import Scenario, chain
from bench.site import site
from cluster.record import Record
from jobflows.cluster.http import AiohttpTransport
from load.churn import churn
from load.result import Result
from load.run import Options, ground, measure
from load.scenarios import SCENARIOS
from load.work import Plan

IDLE_SECONDS = 5.0
Figures = dict[str, float]


async def short(record: Record) -> Figures:
    """About a minute."""
    return {
        **await _against_the_loop(record),
        **await _counts(record),
        **await asyncio.to_thread(_churn),
    }


async def full(record: Record) -> Figures:
    """About an hour."""
    found = await short(record)
    for name, scenario in SCENARIOS.items():
        print(f"{scenario.title} …", file=sys.stderr)
        result = await scenario.run(record)
        found |= figures_of(name, result)
    return found


def figures_of(name: str, result: Result) -> Figures:
    """Numbers of a scenario, as ranges name them: `thousand.writes_a_step`."""
    renamed = {"writes_a_piece": "writes_a_step" if name != "array" else "writes_a_task"}
    return {
        f"{name}.{renamed.get(key, key)}": float(value)
        for key, value in result.figures.items()
        if isinstance(value, int | float)
    }


async def _against_the_loop(record: Record) -> Figures:
    loop = AiohttpTransport(connection(record, "bench-loop"))
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with site(record, Path(folder)) as where:
                scenario = Scenario("chains", 10, lambda: chain(5))
                done = await Bench(loop, where).measure(scenario, rounds=2)
    finally:
        await loop.close()
    return {
        "chains.makespan_ratio": done.ratio,
        "chains.cpu_ratio": done.cpu_s_per_1000_steps / done.loop_cpu_s_per_1000_steps,
        "chains.writes_a_step": done.writes_a_step,
    }


async def _counts(record: Record) -> Figures:
    async with ground(record, flags=FLAGS[:2]) as where:
        layers = Options(Plan("layers", 10, 9), rate=5, pods="cheap")
        steady = (await measure(where, "layers", layers)).figures
        failing = Options(Plan("random", 5, 8, fail=0.2, seed=1), pods="cheap")
        failed = (await measure(where, "failing", failing)).figures
        fan = Options(Plan("wide", 1, 1, array=200), pods="cheap")
        array = (await measure(where, "array", fan)).figures
        log = AuditLog(Path(record.audit_log or ""))
        await asyncio.sleep(IDLE_SECONDS)
        user = where.controller.user
        idle = [c for c in log.calls() if c.user.username == user and c.verb in WRITES]
    attempts = failed["writes"]["create jobs"]
    return {
        "layers.writes_a_step": steady["writes_a_piece"],
        "layers.jobs_a_step": steady["writes"]["create jobs"] / steady["pieces"],
        "failures.writes_an_attempt": sum(failed["writes"].values()) / attempts,
        "array.writes_a_task": array["writes_a_piece"],
        "idle.writes": float(sum(call.objectRef.resource != "leases" for call in idle)),
    }


def _churn() -> Figures:
    told = churn(hours=2.0, every=60.0)
    if told.kept:
        print(f"kept: {told.kept}", file=sys.stderr)
    return {
        "churn.kept": float(sum(after - before for before, after in told.kept.values())),
        "churn.timers": float(told.timers[1] - told.timers[0]),
        "churn.series": float(told.series[1] - told.series[0]),
    }


PROFILE = {"short": short, "full": full}
