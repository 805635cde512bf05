"""`jobflow tasks`: the tasks of a flow, a page at a time."""

from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer
from rich.text import Text

from jobflows.cli.connection import FlowName, Output, OutputOption
from jobflows.cli.names import step_names
from jobflows.cli.place import Place
from jobflows.cli.tables import console, print_document, say, table, without_empty
from jobflows.cli.task_rows import Row, of_attempts, of_ledger
from jobflows.cli.words import STYLES, one_line
from jobflows.engine import Instant, StepPhase
from jobflows.engine.times import rfc3339
from jobflows.measures import duration, size
from jobflows.steering.loaded import Loaded
from jobflows.steering.machine import LocalRuns

MOST_ROWS = 100


class Phase(StrEnum):
    """Where a task, or an attempt of it, can be. Lost: the runner of an attempt died."""

    PENDING = "Pending"
    RUNNING = "Running"
    PENDING_APPROVAL = "PendingApproval"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    LOST = "Lost"


async def tasks(
    place: Place,
    flow: FlowName,
    *,
    step: Annotated[
        list[str] | None,
        typer.Option(
            "--step", "-s", metavar="STEP", help="Of this step only.", autocompletion=step_names
        ),
    ] = None,
    phase: Annotated[
        list[Phase] | None, typer.Option("--phase", "-p", help="In this phase only.")
    ] = None,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="A row for each attempt, not only the newest.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="Rows at most; 0 is all.")] = MOST_ROWS,
    offset: Annotated[int, typer.Option(min=0, help="Rows to leave out at the beginning.")] = 0,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the tasks of a flow: its steps, and of arrays each task.

    Times and memory of single attempts are known of runs of this machine; a cluster's status keeps
    the cause of a step's failed attempts.

    Exit code: 0 listed, 1 no such flow or step, 2 wrong usage, 3 no cluster, or not allowed.

    Examples:

      jobflow tasks etl

      jobflow tasks sweep --step fit --phase Failed --phase Running

      jobflow tasks sweep --attempts --limit 20 --offset 40

      jobflow tasks sweep --limit 0 -o json | jq '.tasks[] | select(.exitCode == 3)'
    """
    loaded = await place.load(flow)
    for name in step or ():
        loaded.step(name)
    rows = _rows(place, loaded, step or [], attempts=attempts)
    chosen = [row for row in rows if not phase or row.phase in phase]
    shown = list(islice(chosen, offset, None if limit == 0 else offset + limit))
    if output is Output.TABLE:
        _print(shown, place.now())
        _tell(len(chosen), offset, len(shown))
    else:
        document = {
            "flow": loaded.flow.name,
            "namespace": loaded.flow.namespace,
            "total": len(chosen),
            "offset": offset,
            "tasks": [_document(row) for row in shown],
        }
        print_document(document, as_json=output is Output.JSON)


def _rows(place: Place, loaded: Loaded, steps: list[str], *, attempts: bool) -> list[Row]:
    if isinstance(place, LocalRuns):
        rows = of_ledger(loaded.flow, loaded.ledger, steps=steps)
        tried = place.stored(loaded.record.metadata.uid).attempts()
        return of_attempts(rows, tried, every=attempts)
    return list(of_ledger(loaded.flow, loaded.ledger, steps=steps, attempts=attempts))


def _print(rows: list[Row], now: Instant) -> None:
    has_memory = any(row.peak_memory is not None for row in rows)
    made = table(
        *("STEP", "TASK", "ATTEMPT", "PHASE", "DURATION"),
        *(["MEMORY"] if has_memory else []),
        *("REASON", "MESSAGE"),
    )
    for row in rows:
        took = "" if row.started is None else duration((row.finished or now) - row.started)
        memory = "" if row.peak_memory is None else size(row.peak_memory)
        made.add_row(
            row.step,
            _number(row.task),
            _number(row.attempt),
            Text(row.phase, STYLES.get(StepPhase(row.phase), "") if row.phase in _KNOWN else "red"),
            took,
            *([memory] if has_memory else []),
            row.reason,
            Text(one_line(row.message)),
        )
    if rows:
        console().print(made)


_KNOWN = frozenset(map(str, StepPhase))


def _tell(total: int, offset: int, shown: int) -> None:
    if not shown:
        say("no such task" if not total else f"there are {total} rows, --offset is beyond them")
    elif shown < total:
        more = offset + shown < total
        hint = f"; --offset {offset + shown} shows more" if more else ""
        say((f"rows {offset + 1}-{offset + shown} of {total}{hint}", "dim"))


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _document(row: Row) -> dict[str, Any]:
    return without_empty(
        {
            "step": row.step,
            "task": row.task,
            "attempt": row.attempt,
            "phase": row.phase,
            "reason": row.reason,
            "message": row.message,
            "exitCode": row.exit_code,
            "startTime": rfc3339(row.started),
            "completionTime": rfc3339(row.finished),
            "peakMemory": row.peak_memory,
            "cpuSeconds": row.cpu_seconds,
        }
    )
