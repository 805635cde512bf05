"""The commands of `python -m load`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from bench.plane import connection, simulated
from cluster.record import Record
from jobflows.cluster.http import AiohttpTransport
from load.controllers import CONTROLLERS
from load.driver import is_installed
from load.manifests import Pods, UnableError
from load.page import write_page
from load.profile import PROFILE
from load.ranges import PROFILES, judge, read
from load.result import Result
from load.run import Options, ground, measure
from load.scenarios import RESULTS, SCENARIOS
from load.work import SHAPES, Duration, Plan, rate, seconds, share

UNABLE = 2

T = TypeVar("T")


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 1 for a figure out of its range, 2 for what cannot be run here."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    return command(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m load")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="flows of one shape, arriving at a rate")
    run.add_argument("--shape", choices=sorted(SHAPES), default="layers")
    run.add_argument("--flows", type=int, default=10)
    run.add_argument("--steps", type=int, default=10, help="steps of each flow")
    run.add_argument("--array", type=int, default=0, help="tasks of each step (default: no array)")
    run.add_argument("--at-once", type=int, default=0, help="tasks of an array at a time")
    run.add_argument("--rate", type=_of(rate), default=0.0, help="flows, e.g. 50/s (all at once)")
    run.add_argument("--duration", type=_checked, default="0s", help="1s, uniform:1s,2s, exp:1s, …")
    run.add_argument("--fail", type=_of(share), default=0.0, help="attempts that fail, e.g. 5%%")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--controller", choices=sorted(CONTROLLERS), default="jobflow")
    run.add_argument(
        "--pods", choices=get_args(Pods), default="full", help="what a step costs the control plane"
    )
    run.add_argument("--flag", action="append", default=[], help="a flag of the operator")
    run.add_argument("--give-up", type=_of(seconds), default=600.0, help="after (default: 10m)")
    run.add_argument("--name", default="load", help="cluster to use (default: load)")
    run.add_argument("--keep", action="store_true", help="leave the cluster running")
    run.add_argument("-o", dest="output", choices=("table", "json"), default="table")
    run.set_defaults(command=_run)
    scenario = commands.add_parser("scenario", help="a scenario of docs/benchmarks/load.md")
    scenario.add_argument("scenario", choices=sorted(SCENARIOS))
    scenario.add_argument("--name", default="load", help="cluster to use (default: load)")
    scenario.add_argument("--keep", action="store_true", help="leave the cluster running")
    scenario.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    scenario.set_defaults(command=_scenario)
    check = commands.add_parser("check", help="a profile held against rangespec.yaml")
    check.add_argument("--profile", choices=PROFILES, default="short")
    check.add_argument("--figures", type=Path, help="judge these, from an earlier -o json")
    check.add_argument("--name", default="load", help="cluster to use (default: load)")
    check.add_argument("--keep", action="store_true", help="leave the cluster running")
    check.add_argument("-o", dest="output", choices=("table", "json"), default="table")
    check.set_defaults(command=_check)
    page = commands.add_parser("page", help="docs/benchmarks/load.md from the results")
    page.set_defaults(command=lambda _: write_page())
    return parser


def _of(read: Callable[[str], T]) -> Callable[[str], T]:
    def checked(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def _checked(text: str) -> str:
    _of(Duration.read)(text)
    return text


def _run(options: argparse.Namespace) -> int:
    plan = Plan(
        shape=options.shape,
        flows=options.flows,
        steps=options.steps,
        array=options.array,
        at_once=options.at_once,
        duration=options.duration,
        fail=options.fail,
        seed=options.seed,
    )
    wanted = Options(
        plan,
        controller=options.controller,
        rate=options.rate,
        seconds=options.give_up,
        pods=options.pods,
        flags=tuple(options.flag) or Options(plan).flags,
    )
    with simulated(options.name, keep=options.keep) as record:
        if not asyncio.run(_installed(record, options.controller)):
            print(f"{options.controller} is not installed on this cluster: its CRD is not there")
            return UNABLE
        try:
            result = asyncio.run(_measured(record, wanted))
        except UnableError as error:
            print(error, file=sys.stderr)
            return UNABLE
    print(result.to_json() if options.output == "json" else table(result.figures))
    return 0


def _scenario(options: argparse.Namespace) -> int:
    chosen = SCENARIOS[options.scenario]
    with simulated(options.name, keep=options.keep) as record:
        result = asyncio.run(chosen.run(record))
    result.note = chosen.note
    print(f"{result.write(options.results)}\n{table(result.figures)}")
    return 0


def _check(options: argparse.Namespace) -> int:
    ranges = read()
    if options.figures:
        figures = json.loads(options.figures.read_text())
    else:
        with simulated(options.name, keep=options.keep) as record:
            figures = asyncio.run(PROFILE[options.profile](record))
    verdicts = judge(ranges, figures, options.profile)
    if options.output == "json":
        print(json.dumps(figures, indent=1))
    else:
        print(*verdicts, sep="\n")
    bad = sum(not verdict.good for verdict in verdicts)
    print(f"{len(verdicts) - bad} passed, {bad} failed", file=sys.stderr)
    return 1 if bad else 0


async def _installed(record: Record, controller: str) -> bool:
    if controller == "jobflow":
        return True  # the run brings it along
    user = AiohttpTransport(connection(record, "admin"))
    try:
        return await is_installed(user, CONTROLLERS[controller])
    finally:
        await user.close()


async def _measured(record: Record, options: Options) -> Result:
    async with ground(record, options.controller, options.flags) as where:
        return await measure(where, "run", options)


def table(figures: dict[str, Any]) -> str:
    """A line for each figure."""
    return "\n".join(f"{name:16} {_line(value)}" for name, value in figures.items())


def _line(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    inner = (f"{k} {sum(v.values()) if isinstance(v, dict) else v}" for k, v in value.items())
    return "  ".join(inner) or "none"
