"""`make faults`: every fault at every place of a run, and the other things that break.

Exit codes: 0 all held, 1 something did not, 3 this machine cannot.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from bench.plane import simulated
from cluster.record import Record
from faults import page, points, report
from faults.calls import Call
from faults.cases import Case, judged, machine, node, objects, server
from faults.mixture import MIXTURES
from faults.operators import nursery
from faults.place import place_at
from faults.points import Point
from faults.trial import Place, Verdict, run

ROOT = Path(__file__).resolve().parents[2]
CRD = ROOT / "crds" / "workflow.kube-zen.io_jobflows.yaml"
FIRST_CASE = 100_000
"""Numbers of runs from here on are those of cases."""
CASES = (*machine.CASES, *objects.CASES, *server.CASES, *node.CASES)


def main() -> int:
    options = _options()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # connections are cut on purpose
    with simulated(options.name, keep=options.keep) as record:
        folder = Path(tempfile.mkdtemp(prefix="jobflow-faults-"))
        code = asyncio.run(_main(record, options, folder))
        if not any(folder.iterdir()):
            folder.rmdir()
    return code


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--points", default="all", help="all, or so many of them, spread evenly")
    parser.add_argument("--share", default="1", help="the same as a share, e.g. 1/10")
    parser.add_argument("--offset", type=int, default=0, help="which of them, of a share")
    parser.add_argument("--only", default="", help="points whose name contains this")
    parser.add_argument("--jobs", type=int, default=12, help="runs at once (default: 12)")
    parser.add_argument("--cases", default="all", help="all, none, or names, of the other faults")
    parser.add_argument("--name", default="faults", help="cluster to use (default: faults)")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument(
        "--machine", default="nothing else at work", help="what the page says of it"
    )
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    return parser.parse_args()


async def _main(record: Record, options: argparse.Namespace, folder: Path) -> int:
    started = time.monotonic()
    async with nursery() as nest, place_at(record, nest, folder) as place:
        quiet, every = await _without(place)
        chosen = _chosen(every, options)
        verdicts = [*quiet, *await _all(place, chosen, options.jobs)]
        print(f"{len(chosen)} of {len(every)} points", file=sys.stderr)
        others = await _cases(place, _wanted(options), options.jobs)
    facts = {
        "points": len(every),
        "seconds": round(time.monotonic() - started),
        "at_once": options.jobs,
        "kubernetes": record.kubernetes,
        "machine": options.machine,
    }
    if options.output == "json":
        print(report.as_json(verdicts, others, facts))
    else:
        report.show(verdicts, others)
    if len(chosen) == len(every) and len(others) == len(CASES):
        page.write(verdicts, others, facts)
    return int(any(verdict.word == "FAILED" for verdict in (*verdicts, *others)))


async def _without(place: Place) -> tuple[list[Verdict], list[Point]]:
    """Runs without a fault, and the points that they have."""
    verdicts: list[Verdict] = []
    every: list[Point] = []
    known: set[Call] = set()
    for number, mixture in enumerate(MIXTURES.values()):
        verdict, script = await run(place, None, mixture, number)
        report.progress(number + 1, len(MIXTURES), verdict)
        verdicts.append(verdict)
        every += points.of_run(mixture.name, script.calls, script.events, known=known)
        known.update(script.calls)
    return verdicts, every


def _chosen(every: list[Point], options: argparse.Namespace) -> list[Point]:
    found = [point for point in every if options.only in str(point)]
    count = len(found) if options.points == "all" else int(options.points)
    return points.sample(
        found, min(count, round(len(found) * Fraction(options.share))), options.offset
    )


def _wanted(options: argparse.Namespace) -> list[Case]:
    if options.cases in ("all", "none"):
        return list(CASES) if options.cases == "all" else []
    names = [name.strip() for name in options.cases.split(",")]
    return [case for case in CASES if any(name in case.name for name in names)]


async def _cases(place: Place, cases: Sequence[Case], jobs: int) -> list[Verdict]:
    """All cases, in their order: side by side those that can be, then the others one by one."""
    found: dict[str, Verdict] = {}
    free = asyncio.Semaphore(max(1, jobs // 3))  # a case has as many runs as there are mixtures

    async def judge(number: int, case: Case) -> None:
        async with free:
            found[case.name] = await judged(place, case, FIRST_CASE + 10 * number)
        report.progress(len(found), len(cases), found[case.name])

    async with asyncio.TaskGroup() as group:
        for number, case in enumerate(cases):
            if not case.alone:
                group.create_task(judge(number, case))
    for number, case in enumerate(cases):
        if case.alone:
            await judge(number, case)
    return [found[case.name] for case in cases]


async def _all(place: Place, chosen: Sequence[Point], jobs: int) -> list[Verdict]:
    """All points, `jobs` at a time, those that wait longest first; in the order of `chosen`."""
    waiting = sorted(enumerate(chosen), key=lambda each: -each[1].patience)
    found: dict[int, Verdict] = {}

    async def work() -> None:
        while waiting:
            number, point = waiting.pop(0)
            found[number], _ = await run(
                place, point, MIXTURES[point.mixture], number + len(MIXTURES)
            )
            report.progress(len(found), len(chosen), found[number])

    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            group.create_task(work())
    return [found[number] for number in range(len(chosen))]


if __name__ == "__main__":
    sys.exit(main())
