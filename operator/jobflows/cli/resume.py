"""`jobflow resume`: another run of what did not succeed, or of what is named.

Who runs the flow is asked to (`steering.resuming`): the operator, or the program that runs it on
this machine. A run of this machine that nobody runs is run here, to its end.
"""

from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from jobflows.cli.connection import FlowName, Output, OutputOption
from jobflows.cli.flowfile import split_parameters
from jobflows.cli.names import step_names
from jobflows.cli.tables import say_done
from jobflows.engine.rerun import listed
from jobflows.steering.errors import SteerError
from jobflows.steering.machine import LocalRuns
from jobflows.steering.resuming import resume as steering

if TYPE_CHECKING:
    from jobflows.cli.place import Place


async def resume(
    place: "Place",
    flow: FlowName,
    *,
    from_: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="STEP",
            help="Run this step again, and all below it.",
            autocompletion=step_names,
        ),
    ] = None,
    succeeded: Annotated[
        list[str] | None,
        typer.Option(
            "--succeeded",
            metavar="STEP",
            help="Take this step as done by hand.",
            autocompletion=step_names,
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="New value of a parameter."),
    ] = None,
    cold: Annotated[
        bool, typer.Option("--cold", help="Start what still runs again, too. Default: leave it.")
    ] = False,
    parallelism: Annotated[
        int | None, typer.Option(min=1, help="Steps at once, of a run on this machine.")
    ] = None,
    approve: Annotated[
        list[str] | None,
        typer.Option(metavar="STEP|all", help="Approve a Manual step of a run on this machine."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Of a run on this machine only the outcome.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run again what did not succeed; finished steps keep their results.

    A run of this machine goes on here, and the command ends with it.

    Exit code: 0 done, 1 no such flow or step, or nothing to resume, or the run failed, 2 wrong
    usage, 3 no cluster, or not allowed, 130 interrupted.

    Examples:

      jobflow resume etl

      jobflow resume etl --from load --param day=2026-02-01

      jobflow resume etl --succeeded check
    """
    values = split_parameters(param or [])
    if isinstance(place, LocalRuns) and not place.stored(flow).is_running:
        again = {"from_": from_ or [], "succeeded": succeeded or [], "cold": cold}
        await _resume_here(
            place.stored(flow).info.name,
            {**again, "parameters": values, "parallelism": parallelism, "home": place.store.home},
            approve=approve or [],
            quiet=quiet,
            output=output,
        )
    if parallelism is not None or approve:
        raise typer.BadParameter("--parallelism and --approve are for a run that nobody runs yet")
    names = await steering(
        place, flow, from_=from_ or (), succeeded=succeeded or (), cold=cold, values=values
    )
    runs = "step runs" if len(names) == 1 else "steps run"
    what = f"{len(names)} {runs} again: {listed(names)}"
    say_done(flow, "resumed" + (f", {what}" if names else ""), output, steps=names)


async def _resume_here(
    run: str, again: dict[str, Any], *, approve: list[str], quiet: bool, output: Output
) -> NoReturn:
    from jobflows.cli.conduct import conduct  # noqa: PLC0415 - a cluster's commands need no runner
    from jobflows.local import (  # noqa: PLC0415
        Approver,
        NothingToResumeError,
        Observer,
        Session,
        reopen,
    )

    def begin(approver: Approver, observer: Observer) -> Session:
        return reopen(run, approver=approver, observer=observer, **again)

    try:
        await conduct(begin, approve=approve, quiet=quiet, output=output)
    except NothingToResumeError as error:
        raise SteerError(str(error)) from None
