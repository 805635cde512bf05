"""What a person sees of `make simulate`."""

from __future__ import annotations

import sys
import time

from simulation import features
from simulation.crowd import Report, Result
from simulation.playing import play

FAILURES_SHOWN = 3
LINES = 40


class Progress:
    """One line that is written over and over; nothing where no terminal is."""

    def __init__(self, seeds: int) -> None:
        self._seeds = seeds
        self._began = time.monotonic()
        self._shown = sys.stderr.isatty()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def show(self, report: Report) -> None:
        if self._shown:
            rate = report.worlds / max(self.seconds, 0.001)
            failed = f", {len(report.failures)} failed" if report.failures else ""
            words = f"{report.worlds} of {self._seeds} worlds, {rate:.0f} a second{failed}"
            print(f"\r{words}\033[K", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def show_summary(report: Report, seconds: float, jobs: int) -> None:
    """What was played, and what came of it."""
    names = sorted(features.ALL)
    pairs = len(names) * (len(names) - 1) // 2
    count = report.count
    rows = {
        "worlds": f"{report.worlds} in {seconds:.0f} s with {jobs} processes, "
        f"{report.worlds / max(seconds, 0.001):.1f} a second",
        "simulated": f"{report.seconds / 3600:.0f} hours",
        "features": f"{len(report.features)} of {len(names)}, "
        f"{len(report.pairs)} of {pairs} pairs of them met in a world",
        "flows": f"{count['flows']}, with {count['Jobs']} Jobs and {count['pods']} pods",
        "late": f"{count['late Jobs']} Jobs came when their step had ended on record",
        "calls": f"{count['calls']} of the operator",
        "faults": f"{count['faults']} of calls and watch events, {count['refusals']} refusals",
        "troubles": f"{count['outages']} outages, {count['compactions']} compactions, "
        f"{count['nodes lost']} nodes lost, {count['clock jumps']} clock jumps",
        "people": f"{count['acts of people']} acts, {count['meddling']} meddled with Jobs and pods",
        "operator": f"{count['crashes']} crashes, {count['restarts']} restarts in good order",
        "replicas": f"in {report.features['replicas']} worlds: {count['kills']} kills, "
        f"{count['joins']} came or went, {count['pauses']} stood still, "
        f"{count['partitions']} were cut off",
    }
    for name, words in rows.items():
        print(f"{name:10} {words}")
    missing = sorted(set(names) - report.features.keys())
    if missing and report.worlds > len(names):
        print(f"{'missing':10} {', '.join(missing)}")
    failed = len(report.failures)
    print(f"{report.worlds - failed} passed, {failed} failed")


def show_failure(failure: Result, without: tuple[str, ...]) -> None:
    """The broken rules of a seed, what led to them, and the command that plays it again."""
    outcome = play(failure.seed, without, traced=True)
    breaches = outcome.breaches or list(failure.breaches)
    print(f"\nseed {failure.seed}")
    print(f"  features: {', '.join(sorted(outcome.world.features))}")
    if outcome.trace is not None:
        flow = breaches[0].flow
        print(f"  what happened{f' to {flow}' if flow else ''}:")
        for line in outcome.trace.of(flow, breaches[0].time)[-LINES:]:
            print(f"    {line}")
    for breach in breaches:
        print(f"  broken: {breach}")
    off = f' ARGS="--without {" ".join(without)}"' if without else ""
    print(f"  again: make simulate SEEDS=1 FIRST={failure.seed}{off}")
