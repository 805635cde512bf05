"""The operator and the bare loop in turn, on the same cluster: what `make bench` repeats.

Absolute figures depend on the machine and on what else it does; the ratios do not. API writes are
counted from the server's audit log, CPU from the two processes.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from bench.bare_loop import run_bare_loop
from bench.operator_run import run_flows
from bench.plane import quiet
from bench.shapes import Scenario
from bench.site import Site
from jobflows.cluster.transport import Transport


@dataclass(frozen=True, slots=True)
class Measured:
    """One scenario. Times are medians in seconds."""

    scenario: str
    steps: int
    loop_s: float
    operator_s: float
    ratio: float
    operator_s_a_step: float
    writes_a_step: float
    cpu_s_per_1000_steps: float
    loop_cpu_s_per_1000_steps: float


@dataclass(frozen=True, slots=True)
class OperatorRun:
    """One run: its makespan and the operator's CPU in seconds, and the operator's writes."""

    seconds: float
    cpu: float
    writes: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What a measurement needs, from first to last."""

    loop_transport: Transport
    site: Site

    async def measure(self, scenario: Scenario, rounds: int) -> Measured:
        """Run loop and operator in turn, each first in every other round, on a quiet cluster."""
        loops: list[float] = []
        loop_cpu = 0.0
        runs: list[OperatorRun] = []
        for number in range(rounds):
            run = f"{scenario.name}-{number}"
            if number % 2:
                runs.append(await self._operator(scenario, run))
            took, cpu = await self._loop(scenario, run)
            loops.append(took)
            loop_cpu += cpu
            if not number % 2:
                runs.append(await self._operator(scenario, run))
        steps = scenario.steps * rounds
        loop_s = statistics.median(loops)
        operator_s = statistics.median(run.seconds for run in runs)
        return Measured(
            scenario=scenario.name,
            steps=scenario.steps,
            loop_s=round(loop_s, 3),
            operator_s=round(operator_s, 3),
            ratio=round(operator_s / loop_s, 2),
            operator_s_a_step=round(operator_s / scenario.steps, 4),
            writes_a_step=round(sum(run.writes for run in runs) / steps, 2),
            cpu_s_per_1000_steps=round(1000 * sum(run.cpu for run in runs) / steps, 2),
            loop_cpu_s_per_1000_steps=round(1000 * loop_cpu / steps, 2),
        )

    async def _loop(self, scenario: Scenario, run: str) -> tuple[float, float]:
        """Its makespan and its CPU in seconds."""
        before = time.process_time()
        took = await run_bare_loop(
            self.loop_transport, scenario, self.site.namespace, f"loop-{run}"
        )
        cpu = time.process_time() - before
        await quiet(self.site.user, self.site.namespace)
        return took, cpu

    async def _operator(self, scenario: Scenario, run: str) -> OperatorRun:
        self.site.audit.writes("operator")
        before = self.site.process.cpu_seconds()
        took = await run_flows(self.site.user, scenario, self.site.namespace, f"flow-{run}")
        await quiet(self.site.user, self.site.namespace)
        cpu = self.site.process.cpu_seconds() - before
        return OperatorRun(took, cpu, self.site.audit.writes("operator").total())
