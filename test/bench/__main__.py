"""`make bench`: the operator against the bare loop, as ratios of one run.

Both run each scenario in turn on the same simulated control plane, several times; the medians are
compared. Absolute figures depend on the machine and on what else it does; the ratios do not. API
writes are counted from the server's audit log, CPU from the two processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.compare import Bench, Measured
from bench.plane import connection, simulated
from bench.shapes import SCENARIOS
from bench.site import site
from cluster.record import Record
from jobflows.cluster.http import AiohttpTransport


def main() -> int:
    options = _options()
    with (
        simulated(options.name, keep=options.keep) as record,
        tempfile.TemporaryDirectory() as folder,
    ):
        results = asyncio.run(_bench(record, options, Path(folder)))
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
            bench = Bench(loop_transport, where)
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


def _print_table(results: list[Measured]) -> None:
    names = list(asdict(results[0]))
    print("  ".join(f"{name:>20}" for name in names))
    for result in results:
        print("  ".join(f"{value!s:>20}" for value in asdict(result).values()))


if __name__ == "__main__":
    sys.exit(main())
