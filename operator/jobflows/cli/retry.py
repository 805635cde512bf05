"""`jobflow retry`: failed steps once more, named or all of them."""

from typing import Annotated

import typer

from jobflows.cli.connection import FlowName, Output, OutputOption
from jobflows.cli.names import step_names
from jobflows.cli.place import Place
from jobflows.cli.resume import resume
from jobflows.engine import StepPhase
from jobflows.steering.errors import SteerError


async def retry(
    place: Place,
    flow: FlowName,
    steps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STEP]...", help="Steps that failed. Default: all.", autocompletion=step_names
        ),
    ] = None,
    *,
    output: OutputOption = Output.TABLE,
) -> None:
    """Try failed steps again, and what was skipped below them; what runs goes on.

    The same as resume for steps that failed: one that did not is refused. Of an array that is named
    all tasks run again; without names those that failed.

    Exit code: 0 done, 1 no such flow or step, or it did not fail, 2 wrong usage, 3 no cluster, or
    not allowed.

    Examples:

      jobflow retry etl

      jobflow retry etl load
    """
    loaded = await place.load(flow)
    for name in steps or ():
        record = loaded.ledger.steps[loaded.step(name)]
        if record.phase is not StepPhase.FAILED:
            words = f"step {name} is {record.phase}; `jobflow resume {flow} --from {name}` runs"
            raise SteerError(f"{words} it again, and all below it")
    await resume(place, flow, from_=steps or None, output=output)
