"""`jobflow explain`: why each step is where it is."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from jobflows.cli.connection import FlowName, Output, OutputOption
from jobflows.cli.names import step_names
from jobflows.cli.place import Place
from jobflows.cli.tables import console, print_document, say, table, without_empty
from jobflows.cli.words import STYLES, one_line, verdict
from jobflows.engine import Explanation, Observations, StepPhase, explain
from jobflows.engine.indexes import IndexSet
from jobflows.engine.times import rfc3339
from jobflows.steering.loaded import Loaded
from jobflows.steering.machine import LocalRuns

if TYPE_CHECKING:
    from jobflows.cli.story import Tries

MOST_ROWS = 200

MOST_RANGES = 40
"""Characters that the indexes of tasks may take in a table."""


async def explain_flow(
    place: Place,
    flow: FlowName,
    step: Annotated[
        str | None,
        typer.Argument(
            metavar="STEP", help="The step to tell all about.", autocompletion=step_names
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say of each step that is not done why: dependencies, retries, limits, queues, nodes, images.

    With STEP: its attempts with causes, its dependencies up and down, requests, times and events.

    Exit code: 0 explained, 1 no such flow or step, 2 wrong usage, 3 no cluster, or not allowed.

    Examples:

      jobflow explain etl

      jobflow explain etl load -n batch

      jobflow explain etl load --local

      jobflow explain etl -o json | jq '.steps[] | select(.reason == "Unschedulable")'
    """
    from jobflows.cli.story import print_story, tell  # noqa: PLC0415 - it needs this module

    loaded = await place.load(flow)
    if step is not None:
        loaded.step(step)
        story = tell(loaded, step, place.now(), await _tries(place, loaded, step))
        if output is Output.TABLE:
            print_story(story)
        else:
            print_document(story, as_json=output is Output.JSON)
        return
    steps = explain(loaded.flow, loaded.ledger, place.now(), await _seen(place, loaded))
    left = [said for said in steps if said.phase is not StepPhase.SUCCEEDED]
    if output is Output.TABLE:
        _print_table(loaded, left, len(steps))
    else:
        print_document(_document(loaded, left), as_json=output is Output.JSON)


async def _seen(place: Place, loaded: Loaded) -> Observations | None:
    """What is seen of the steps that are on their way; a run here has all of it on record."""
    if isinstance(place, LocalRuns):
        return None
    from jobflows.cli.sight import look  # noqa: PLC0415 - it needs the client's libraries

    return await look(place, loaded)


async def _tries(place: Place, loaded: Loaded, step: str) -> "Tries":
    if isinstance(place, LocalRuns):
        from jobflows.cli import story_of_runs  # noqa: PLC0415 - it needs this module

        return story_of_runs.tries_of(place, loaded, step)
    from jobflows.cli import story_of_jobs  # noqa: PLC0415

    return await story_of_jobs.tries_of(place, loaded, step)


def _print_table(loaded: Loaded, left: list[Explanation], total: int) -> None:
    ledger = loaded.ledger
    head = f"{loaded.note or verdict(ledger)}, {total - len(left)} of {total} steps have succeeded"
    if not loaded.seen:
        head = "no operator has taken this flow up; is one running, and may it see this namespace?"
    say((head, "bold"))
    rows = table("STEP", "PHASE", "REASON", "WHY")
    for said in sorted(left, key=lambda said: bool(said.blocked_by))[:MOST_ROWS]:
        phase = Text(str(said.phase), STYLES[said.phase])
        rows.add_row(said.step, phase, said.reason, Text(one_line(said.message)))
        for wait in said.tasks:
            rows.add_row(f"  {named(wait.tasks)}", "Pending", wait.reason, Text(wait.message))
    if rows.row_count:
        console().print(rows)
    if len(left) > MOST_ROWS:
        say((f"and {len(left) - MOST_ROWS} more steps (-o json lists all)", "dim"))


def _document(loaded: Loaded, left: list[Explanation]) -> dict[str, Any]:
    ledger = loaded.ledger
    return without_empty(
        {
            "flow": loaded.flow.name,
            "namespace": loaded.flow.namespace,
            "phase": str(ledger.phase),
            "reason": str(ledger.reason),
            "message": ledger.message,
        }
    ) | {"steps": [describe(said) for said in left]}


def named(tasks: IndexSet) -> str:
    """Tasks in a few words: `task 7`, `tasks 0-4,9 (6)`."""
    if len(tasks) == 1:
        return f"task {tasks}"
    return f"tasks {tasks.short(MOST_RANGES)} ({len(tasks)})"


def describe(said: Explanation) -> dict[str, Any]:
    """An explanation as a document."""
    return without_empty(
        {
            "name": said.step,
            "phase": str(said.phase),
            "reason": said.reason,
            "message": said.message,
            "blockedBy": list(said.blocked_by),
            "until": rfc3339(said.until),
            "tasks": [
                without_empty(
                    {
                        "indexes": str(wait.tasks),
                        "reason": wait.reason,
                        "message": wait.message,
                        "blockedBy": list(wait.blocked_by),
                        "until": rfc3339(wait.until),
                    }
                )
                for wait in said.tasks
            ],
        }
    )
