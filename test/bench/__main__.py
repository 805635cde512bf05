"""`make bench`: the operator against the bare loop, as ratios of one run.

Both run each scenario in turn on the same simulated control plane, several times; the medians are
compared. Absolute figures depend on the machine and on what else it does; the ratios do not. API
writes are counted from the server's audit log, CPU from the two processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.bare_loop import run_bare_loop
from bench.operator_run import run_flows
from bench.plane import connection, quiet
from bench.shapes import SCENARIOS, Scenario
from bench.site import Site, site
from cluster import lifecycle
from cluster.errors import ClusterError
from cluster.record import Record
from jobflows.cluster.http import AiohttpTransport


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


def main() -> int:
    options = _options()
    try:
        record = lifecycle.up(options.name, "sim")
    except ClusterError as error:
        print(f"bench skipped: {error}", file=sys.stderr)
        return error.exit_code
    try:
        with tempfile.TemporaryDirectory() as folder:
            results = asyncio.run(_bench(record, options, Path(folder)))
    finally:
        if not options.keep:
            lifecycle.down(options.name)
    if options.output == "json":
        print(json.dumps([asdict(result) for result in results], indent=2))
    else:
        _print_table(results)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--name", default="bench", help="cluster to use (default: bench)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument("-o", dest="output", choices=("table", "json"), default="table")
    return parser.parse_args()


async def _bench(record: Record, options: argparse.Namespace, folder: Path) -> list[Measured]:
    loop_transport = AiohttpTransport(connection(record, "bench-loop"))
    try:
        async with site(record, folder) as where:
            bench = _Bench(loop_transport, where)
            results = []
            for scenario in SCENARIOS:
                if options.only not in scenario.name:
                    continue
                print(f"{scenario.name}: {scenario.steps} steps …", file=sys.stderr)
                results.append(await bench.measure(scenario, options.rounds))
            print(f"operator peak memory: {where.process.peak_mib():.0f} MiB", file=sys.stderr)
            return results
    finally:
        await loop_transport.close()


@dataclass(frozen=True, slots=True)
class OperatorRun:
    """One run: its makespan and the operator's CPU in seconds, and the operator's writes."""

    seconds: float
    cpu: float
    writes: int


@dataclass(frozen=True, slots=True)
class _Bench:
    """What a measurement needs, from first to last."""

    loop_transport: AiohttpTransport
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


def _print_table(results: list[Measured]) -> None:
    names = list(asdict(results[0]))
    print("  ".join(f"{name:>20}" for name in names))
    for result in results:
        print("  ".join(f"{value!s:>20}" for value in asdict(result).values()))


if __name__ == "__main__":
    sys.exit(main())
