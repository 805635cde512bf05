"""`jobflow logs`: what a step has printed, or prints."""

from typing import Annotated

import typer

from jobflows.cli.connection import FlowName, StepName
from jobflows.cli.logs.wanted import Wanted
from jobflows.cli.place import Place
from jobflows.steering.errors import SteerError
from jobflows.steering.machine import LocalRuns


async def logs(
    place: Place,
    flow: FlowName,
    step: StepName,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the step is done, with retries.")
    ] = False,
    task: Annotated[
        int | None,
        typer.Option(min=0, metavar="INDEX", help="One task of an array. Default: all of them."),
    ] = None,
    attempt: Annotated[
        int | None, typer.Option(min=1, help="Number of the attempt. Default: the newest.")
    ] = None,
    container: Annotated[
        str | None,
        typer.Option("--container", "-c", help="Default: main, or the first container."),
    ] = None,
    tail: Annotated[
        int | None, typer.Option(min=0, help="Last lines only. Default: all of it.")
    ] = None,
) -> None:
    """Print the log of a step; of an array, that of the newest attempt of each task.

    Exit code: 0 printed, 1 no such flow or step, or nothing of it has run, 2 wrong usage, 3 no
    cluster, or not allowed, 130 interrupted.

    Examples:

      jobflow logs etl load

      jobflow logs etl load --follow

      jobflow logs etl load --attempt 1 --tail 20

      jobflow logs sweep fit --task 7
    """
    loaded = await place.load(flow)
    is_array = loaded.flow.steps[loaded.step(step)].is_array
    if task is not None and not is_array:
        raise SteerError(f"step {step} of flow {flow} is no array; leave out --task")
    if follow and is_array and task is None:
        raise SteerError(f"step {step} of flow {flow} is an array; choose one by --task N")
    wanted = Wanted(flow, step, task, attempt, container, tail)
    if isinstance(place, LocalRuns):
        from jobflows.cli.logs import files  # noqa: PLC0415 - only one of the two is needed

        await files.print_logs(place, wanted, follow=follow)
    else:
        from jobflows.cli.logs import pods  # noqa: PLC0415

        await pods.print_logs(place, loaded, wanted, follow=follow)
