"""`make simulate`: plays the worlds of many seeds on all cores, and says of the first that fail how
to play them again. Exits with 1 when an invariant was broken, or a planted bug was not found.
"""

from __future__ import annotations

import argparse
import os
import sys

from simulation import features
from simulation.crowd import Report, play_all
from simulation.report import FAILURES_SHOWN, Progress, show_failure, show_summary
from simulation.shrinking import shrink


def main() -> int:
    """Read the arguments, and do what they ask for."""
    asked = _arguments()
    if asked.bugs:
        from simulation.hunt import hunt  # noqa: PLC0415 - patches the product, so only on demand

        return hunt(asked.jobs, asked.seeds)
    progress = Progress(asked.seeds)
    report = Report()
    for results in play_all(asked.first, asked.seeds, asked.jobs, tuple(asked.without)):
        report.add(results)
        progress.show(report)
        if len(report.failures) >= FAILURES_SHOWN:
            break
    progress.end()
    show_summary(report, progress.seconds, asked.jobs)
    for failure in report.failures[:FAILURES_SHOWN]:
        without = tuple(asked.without)
        if asked.shrink:
            without = shrink(failure.seed, failure.breaches[0].rule, without)
        show_failure(failure, without)
    return 1 if report.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many worlds to play")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--without",
        nargs="*",
        default=[],
        choices=sorted(features.ALL),
        metavar="FEATURE",
        help="features that no world has: " + ", ".join(sorted(features.ALL)),
    )
    parser.add_argument(
        "--shrink", action="store_true", help="switch off what a failing world does not need"
    )
    parser.add_argument("--bugs", action="store_true", help="look for the planted bugs instead")
    asked = parser.parse_args()
    if asked.seeds < 1 or asked.jobs < 1:
        parser.error("--seeds and --jobs take 1 or more")
    return asked


if __name__ == "__main__":
    sys.exit(main())
