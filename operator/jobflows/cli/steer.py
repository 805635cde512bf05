"""What people tell a flow while it exists: yes, no, wait, go on, stop, so many at a time.

Each command gives one order (`steering.orders`) and is done; the operator acts on it. What would
have no effect, such as approving a step twice, is refused with the reason.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from jobflows.cli.connection import FlowName, Output, OutputOption, StepName
from jobflows.cli.tables import say_done
from jobflows.steering import orders

if TYPE_CHECKING:
    from jobflows.cli.place import Place


async def approve(
    place: "Place", flow: FlowName, step: StepName, *, output: OutputOption = Output.TABLE
) -> None:
    """Approve a Manual step, also before it asks.

    Exit code: 0 done, 1 no such flow or step, or it is decided already, 2 wrong usage, 3 no
    cluster, or not allowed.

    Examples:

      jobflow approve release sign-off
    """
    say_done(flow, await orders.answer(place, flow, step, yes=True), output, step=step)


async def reject(
    place: "Place", flow: FlowName, step: StepName, *, output: OutputOption = Output.TABLE
) -> None:
    """Reject a Manual step: it fails, and what depends on it is skipped.

    Exit code: 0 done, 1 no such flow or step, or it is decided already, 2 wrong usage, 3 no
    cluster, or not allowed.

    Examples:

      jobflow reject release sign-off
    """
    say_done(flow, await orders.answer(place, flow, step, yes=False), output, step=step)


async def pause(place: "Place", flow: FlowName, *, output: OutputOption = Output.TABLE) -> None:
    """Start no more steps of a flow; those that run go on.

    Exit code: 0 done, 1 no such flow, or it is finished, 2 wrong usage, 3 no cluster, or not
    allowed.

    Examples:

      jobflow pause etl
    """
    say_done(flow, await orders.pause(place, flow), output)


async def unpause(place: "Place", flow: FlowName, *, output: OutputOption = Output.TABLE) -> None:
    """Let a paused flow go on.

    Exit code: 0 done, 1 no such flow, or it is finished, 2 wrong usage, 3 no cluster, or not
    allowed.

    Examples:

      jobflow unpause etl
    """
    say_done(flow, await orders.unpause(place, flow), output)


async def stop(
    place: "Place",
    flow: FlowName,
    *,
    terminate: Annotated[
        bool, typer.Option("--terminate", help="Run nothing more, not even onExit.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """End a flow now: what runs is stopped, the rest is skipped, and the steps of onExit run.

    Exit code: 0 done, 1 no such flow, or it is finished, 2 wrong usage, 3 no cluster, or not
    allowed.

    Examples:

      jobflow stop etl

      jobflow stop etl --terminate
    """
    say_done(flow, await orders.stop(place, flow, terminate=terminate), output)


async def set_parallelism(
    place: "Place",
    flow: FlowName,
    number: Annotated[
        int, typer.Argument(metavar="N", min=0, help="Tasks at once; 0 starts no more.")
    ],
    *,
    template: Annotated[
        str | None, typer.Option(metavar="NAME", help="Tasks of this template only.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Change how many tasks of a flow run at once; lowering it stops nothing that runs.

    Exit code: 0 done, 1 no such flow or template, or it is finished, 2 wrong usage, 3 no cluster,
    or not allowed.

    Examples:

      jobflow set-parallelism etl 20

      jobflow set-parallelism etl 2 --template load
    """
    words = await orders.set_parallelism(place, flow, number, template=template)
    of = {} if template is None else {"template": template}
    say_done(flow, words, output, **of, parallelism=number)
