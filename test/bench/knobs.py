"""What each knob of the operator is worth: `make bench-knobs`.

Flows of five steps (one, three, one), so many at once, on simulated pods, with one flag at a time
set to other than its default. A fresh operator for each setting; queue and reconcile times are its
own metrics, writes are counted from the server's audit log, CPU is that of its process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.histograms import histograms, quantile, since
from bench.operator_run import run_flows
from bench.plane import quiet, simulated
from bench.shapes import Scenario, fan
from bench.site import Site, site
from cluster.ports import free_ports
from cluster.record import Record

COUNTS = (20, 100, 300)
STEPS = 5

SETTINGS: tuple[tuple[str, ...], ...] = (
    (),
    ("--max-concurrent-reconciles=1",),
    ("--max-concurrent-reconciles=5",),
    ("--max-concurrent-reconciles=50",),
    ("--kube-api-qps=20", "--kube-api-burst=40"),
    ("--kube-api-qps=0",),
    ("--status-batch-period=0",),
    ("--status-batch-period=1s",),
    ("--start-window=4",),
    ("--events=all",),
    ("--events=none",),
)
"""The first one is all defaults."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting with so many flows. Times are in seconds."""

    flags: str
    flows: int
    makespan: float
    queue_p95: float
    reconcile_p95: float
    status_p95: float
    writes_a_step: float
    cpu_s_per_1000_steps: float
    peak_mib: float


def main() -> int:
    options = _options()
    rows: list[Row] = []
    with simulated(options.name, keep=options.keep) as record:
        for flags in SETTINGS:
            if not options.only or any(options.only in flag for flag in flags):
                rows += asyncio.run(_measure(record, flags, options.counts))
    print(json.dumps([asdict(r) for r in rows], indent=2) if options.json else _table(rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-knobs", description=__doc__)
    parser.add_argument("--name", default="knobs", help="cluster to use (default: knobs)")
    parser.add_argument("--only", default="", help="settings with this in a flag")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="flows at once")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


async def _measure(record: Record, flags: tuple[str, ...], counts: tuple[int, ...]) -> list[Row]:
    (port,) = free_ports(1)
    common = (f"--metrics-addr=127.0.0.1:{port}", "--log-level=warning")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        async with site(record, Path(folder), (*common, *flags)) as where:
            for count in counts:
                scenario = Scenario("flows", count, lambda: fan(STEPS - 2))
                rows.append(await _row(where, scenario, port, " ".join(flags) or "defaults"))
                print(rows[-1], file=sys.stderr)
    return rows


async def _row(where: Site, scenario: Scenario, port: int, flags: str) -> Row:
    before, cpu = histograms(port), where.process.cpu_seconds()
    where.audit.writes("operator")
    took = await run_flows(where.user, scenario, where.namespace, f"n{scenario.flows}")
    await quiet(where.user, where.namespace)
    after = histograms(port)

    def p95(name: str) -> float:
        return quantile(0.95, since(before[name], after[name]))

    return Row(
        flags=flags,
        flows=scenario.flows,
        makespan=round(took, 2),
        queue_p95=round(p95("workqueue_queue_duration_seconds"), 4),
        reconcile_p95=round(p95("zen_flow_reconciliation_duration_seconds"), 4),
        status_p95=round(p95("zen_flow_status_update_duration_seconds"), 4),
        writes_a_step=round(where.audit.writes("operator").total() / scenario.steps, 2),
        cpu_s_per_1000_steps=round(1000 * (where.process.cpu_seconds() - cpu) / scenario.steps, 2),
        peak_mib=round(where.process.peak_mib()),
    )


def _table(rows: list[Row]) -> str:
    lines = [
        "| flags | flows | makespan, s | wait in the queue, p95 ms | reconcile, p95 ms "
        "| status write, p95 ms | writes a step | CPU, s per 1,000 steps | peak, MiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        times = (1000 * r.queue_p95, 1000 * r.reconcile_p95, 1000 * r.status_p95)
        cells = [f"`{r.flags}`" if r.flags.startswith("-") else r.flags, str(r.flows)]
        cells += [f"{r.makespan:.1f}", *(f"{time:.1f}" for time in times)]
        cells += [f"{r.writes_a_step:.2f}", f"{r.cpu_s_per_1000_steps:.1f}", f"{r.peak_mib:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
