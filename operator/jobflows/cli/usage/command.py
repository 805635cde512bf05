"""`jobflow usage`: what the tasks of a flow have used, as percentiles."""

from typing import Annotated, Any

import typer
from rich.text import Text

from jobflows.cli.connection import FlowName, Output, OutputOption
from jobflows.cli.place import Place
from jobflows.cli.tables import console, print_document, say, table
from jobflows.cli.usage.gathering import By, DatabaseOption, gather
from jobflows.measures import duration, size
from jobflows.usage import POINTS, Samples, Usage

ByOption = Annotated[
    By, typer.Option("--by", help="step: each by itself; template: those that share one together.")
]


async def usage(
    place: Place,
    flow: FlowName,
    *,
    by: ByOption = By.STEP,
    database: DatabaseOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what the tasks of a flow have used: memory, time and CPU, as percentiles.

    Memory is the peak of all processes of a task, time that of its attempt which succeeded.

    A task that only ran out of memory needed more than it had, nobody knows how much: percentiles
    count it so, and a percentile that is beyond what was measured is shown as > the most it had.

    On a cluster only what the status has is known: the times of steps, and what maps measured. Its
    archive knows all attempts of all runs; there, steps that share a template are together.

    Exit code: 0 shown, 1 no such flow, 2 wrong usage, 3 no cluster, or not allowed.

    Examples:

      jobflow usage etl

      jobflow usage etl --by template -o json | jq '.usage[].memoryBytes.p95'

      jobflow usage etl --database postgresql://me@db/flows -n lab
    """
    del database  # it says which place
    measured = await gather(place, flow, by)
    found = measured.usage
    if output is not Output.TABLE:
        document = {
            "flow": measured.name,
            "namespace": measured.namespace,
            "by": str(measured.by),
            "usage": [_document(each) for each in found],
        }
        print_document(document, as_json=output is Output.JSON)
        return
    if not found:
        say(f"no task of {flow} has ended yet")
        return
    rows = table(
        str(measured.by).upper(),
        *("TASKS", "ATTEMPTS", "OOM"),
        *(f"MEMORY P{point}" if point == POINTS[0] else f"P{point}" for point in POINTS),
        *(f"TIME P{point}" if point == POINTS[0] else f"P{point}" for point in POINTS),
        *("CORES P50", "P95"),
    )
    for each in found:
        rows.add_row(
            each.name,
            str(each.tasks),
            str(each.attempts),
            Text(str(each.out_of_memory), "red" if each.out_of_memory else "dim"),
            *(_shown(each.memory, point, _bytes) for point in POINTS),
            *(_shown(each.wall, point, duration) for point in POINTS),
            *(_shown(each.cores, point, lambda cores: f"{cores:.2f}") for point in (50, 95)),
        )
    console().print(rows)


def _bytes(amount: float) -> str:
    return size(int(amount))


def _shown(samples: Samples, point: int, words: Any) -> Text:
    value = samples.percentile(point)
    if value is not None:
        return Text(words(value))
    if samples.cut:
        return Text(f"> {words(max(samples.cut))}", "red")
    return Text("-", "dim")


def _document(usage: Usage) -> dict[str, Any]:
    return {
        "name": usage.name,
        "tasks": usage.tasks,
        "attempts": usage.attempts,
        "failed": usage.failed,
        "outOfMemory": usage.out_of_memory,
        "timeouts": usage.timeouts,
        "memoryBytes": _percentiles(usage.memory, 0),
        "seconds": _percentiles(usage.wall, 3),
        "cores": _percentiles(usage.cores, 3),
    }


def _percentiles(samples: Samples, digits: int) -> dict[str, Any]:
    """All points, each with its interval; null where nothing is known."""

    def rounded(value: float | None) -> float | int | None:
        return None if value is None else round(value, digits or None)

    return {
        **{name: rounded(value) for name, value in samples.percentiles.items()},
        "max": rounded(samples.largest),
        "intervals": {
            name: [rounded(end) for end in ends] for name, ends in samples.intervals.items()
        },
        "measured": len(samples.seen),
        "beyond": len(samples.cut),
    }
