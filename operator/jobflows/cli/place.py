"""Commands that serve both: flows of a cluster, and runs of this machine.

A command is written as `async def act(place, …)` and made a program by `anywhere`. Which of the
two it is: `--local` says this machine, `--namespace`, `--context` and `--kubeconfig` say a cluster.
`--database`, where a command has it, says an archive. Else a name that a run of this machine has
means that run, and any other name a flow of the cluster. A command that takes no name asks the
cluster if there is a kubeconfig, and this machine if not.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Union

import typer

from jobflows.cli.connection import (
    INTERRUPTED,
    PLACE_OPTIONS,
    REFUSED,
    end,
    make_command,
    run_on_cluster,
)
from jobflows.local import LocalRunError, Store
from jobflows.steering.errors import SteerError
from jobflows.steering.machine import LocalRuns

if TYPE_CHECKING:
    from jobflows.cli.cluster import Cluster

Place = Union["Cluster", LocalRuns]
Act = Callable[[Place], Awaitable[None]]

_LOCAL = Annotated[
    bool, typer.Option("--local", help="Runs of this machine. Default: what has that name.")
]


def anywhere(act: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a command of `act(place, …)`."""
    return make_command(act, {**PLACE_OPTIONS, "local": (_LOCAL, False)}, _run)


def _run(act: Any, *, local: bool, **where: str | None) -> None:
    if database := act.keywords.get("database"):
        if local or where["context"] or where["kubeconfig"]:
            raise typer.BadParameter("--database is an archive; only --namespace goes with it")
        run_in_archive(act, database, where["namespace"])
        return
    if local and any(where.values()):
        raise typer.BadParameter("--local is this machine; leave out the options of a cluster")
    if local or (not any(where.values()) and _is_local(act)):
        run_here(act)
    else:
        run_on_cluster(act, **where)


def _is_local(act: "functools.partial[Awaitable[None]]") -> bool:
    """Whether what the command is about is on this machine."""
    name = act.keywords.get("flow")
    if name is None:
        from jobflows.cli.connection import has_cluster  # noqa: PLC0415 - asks for libraries

        return not act.keywords.get("everywhere") and not has_cluster()
    try:
        with Store.open() as store:
            return store.find(name) is not None
    except LocalRunError as error:
        end(str(error), REFUSED)


def run_here(act: Act) -> None:
    """Run a command on the runs of this machine."""
    try:
        with Store.open() as store:
            asyncio.run(_call(act, LocalRuns(store)))
    except (SteerError, LocalRunError) as error:
        end(str(error), REFUSED)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def run_in_archive(act: Any, url: str, namespace: str | None) -> None:
    """Run a command on the flows of an archive."""
    from jobflows.cli.archived import opened  # noqa: PLC0415 - few commands have it

    try:
        with opened(url, namespace) as place:
            asyncio.run(_call(act, place))
    except (SteerError, LocalRunError) as error:
        end(str(error), REFUSED)


async def _call(act: Callable[[Any], Awaitable[None]], place: object) -> None:
    await act(place)
