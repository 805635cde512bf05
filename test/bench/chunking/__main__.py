"""`make bench-chunking`: `jobflows.chunking` against the bound, the plain loop and its peers.

Every method runs every workload once a round, each time in a fresh interpreter, in an order that
moves on from round to round. Wall time is from before the workers start until they are gone,
without imports. A figure marked ~ was taken while others used more than 5 % of the machine.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from bench.chunking import tables
from bench.chunking.footprint import Footprint, measure
from bench.chunking.methods import METHODS, Method
from bench.chunking.rounds import Settings, run_rounds
from bench.chunking.verdicts import Measured
from bench.chunking.workloads import WORKLOADS, Workload, calibrate
from jobflows.chunking.machine.cores import usable_cores

T = TypeVar("T", Method, Workload)


def main() -> int:
    options = _options()
    methods = _present(_chosen(METHODS, options.methods))
    workloads = _present(_chosen(WORKLOADS, options.workloads))
    cores = options.cores or usable_cores()
    load = os.getloadavg()
    about = f"{cores} usable cores, load before {load[0]:.2f} {load[1]:.2f} {load[2]:.2f}"
    print(about, file=sys.stderr)
    if load[0] > 0.2 * cores:
        print("others use this machine: do not trust figures marked ~", file=sys.stderr)
    settings = Settings(options.rounds, options.scale, cores, calibrate(), options.nice)
    results = run_rounds(workloads, methods, settings)
    found = measure(options.rounds, options.nice) if options.footprint else []
    peers = [method.name for method in methods if method.peer]
    report = _report(results, methods, found, f"{about}; the fastest of {options.rounds} rounds")
    print(report)
    if options.markdown:
        Path(options.markdown).write_text(report + "\n")
    missed = tables.missed(results, peers, found)
    print(f"{missed} budgets missed", file=sys.stderr)
    broken = any(measured.failures for measured in results)
    return 1 if broken or (options.strict and missed) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-chunking", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (default: 5)")
    parser.add_argument("--workloads", default="", help="names, separated by commas")
    parser.add_argument("--methods", default="", help="names, separated by commas")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the items (default: 1)")
    parser.add_argument("--cores", type=int, help="workers of the peers (default: usable cores)")
    parser.add_argument(
        "--nice", type=int, default=0, help="-20 takes the cores from others (root; default: 0)"
    )
    parser.add_argument("--markdown", metavar="FILE", help="write the report there, too")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a budget is missed")
    parser.add_argument(
        "--no-footprint", dest="footprint", action="store_false", help="leave out the import"
    )
    return parser.parse_args()


def _chosen(known: Sequence[T], names: str) -> list[T]:
    wanted = [name for name in names.split(",") if name]
    there = [entry.name for entry in known]
    unknown = [name for name in wanted if name not in there]
    if unknown:
        sys.exit(f"{', '.join(unknown)} is unknown: choose from {', '.join(there)}")
    return [entry for entry in known if not wanted or entry.name in wanted]


def _present(chosen: Sequence[T]) -> list[T]:
    for entry in chosen:
        if entry.missing:
            print(f"{entry.name} skipped: {entry.needs} is not installed", file=sys.stderr)
    return [entry for entry in chosen if not entry.missing]


def _report(
    results: Sequence[Measured],
    methods: Sequence[Method],
    found: Sequence[Footprint],
    about: str,
) -> str:
    names = [method.name for method in methods]
    peers = [method.name for method in methods if method.peer]
    parts = [
        about,
        "Seconds, and in brackets their ratio to the bound.",
        tables.speeds(results, names),
    ]
    if "ours" in names:
        parts.append("Budgets: kept, or missed by how much (and as a share of the bound).")
        parts.append(tables.budgets(results, peers))
    if "serial" in names:
        parts.append(tables.costs(results, names))
    if found:
        parts.append(tables.footprints(found))
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
