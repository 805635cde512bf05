"""Names of flows and steps, for a shell that completes them.

Somebody waits at the keyboard: what takes long, or goes wrong, proposes nothing.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from jobflows.cli.cluster import Cluster

PATIENCE_SECONDS = 2.0

MOST_COMPLETED = 100
"""Runs that a shell proposes."""

OF_A_CLUSTER = ("namespace", "context", "kubeconfig")
"""Options with which a name is one of a cluster."""


def flow_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Flows that begin so."""

    async def find(cluster: "Cluster") -> list[str]:
        return await cluster.names()

    return _beginning(incomplete, [*_runs_here(ctx.params), *_asked(find, ctx.params)])


def step_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Steps of the flow that stands before, that begin so."""

    flow = ctx.params.get("flow")
    if not flow:
        return []

    async def find(cluster: "Cluster") -> list[str]:
        return (await cluster.load(flow)).names

    return _beginning(incomplete, _steps_here(flow, ctx.params) or _asked(find, ctx.params))


def _beginning(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _runs_here(given: dict[str, Any]) -> list[str]:
    """Runs of this machine, the newest first."""
    from jobflows.local import LocalRunError, Store  # noqa: PLC0415 - most completions need none

    if any(given.get(option) for option in OF_A_CLUSTER):
        return []
    try:
        with Store.open() as store:
            return [run.info.name for run in store.runs()[:MOST_COMPLETED]]
    except LocalRunError:
        return []


def _steps_here(flow: str, given: dict[str, Any]) -> list[str]:
    """Steps of a run of this machine; none if there is no such run."""
    from jobflows.local import LocalRunError, Store  # noqa: PLC0415

    if any(given.get(option) for option in OF_A_CLUSTER):
        return []
    try:
        with Store.open() as store:
            run = store.find(flow)
            return run.names if run is not None else []
    except LocalRunError:
        return []


def _asked(find: Callable[["Cluster"], Awaitable[list[str]]], given: dict[str, Any]) -> list[str]:
    import asyncio  # noqa: PLC0415 - most completions need no cluster

    from jobflows.cli.connection import talk  # noqa: PLC0415
    from jobflows.steering.errors import SteerError  # noqa: PLC0415

    if given.get("local"):
        return []
    try:
        from jobflows.cluster import ApiError, LoginError, TransportError, connect  # noqa: PLC0415
    except ModuleNotFoundError:
        return []
    names: list[str] = []

    async def act(cluster: "Cluster") -> None:
        names.extend(await find(cluster))

    try:
        connection = connect(given.get("kubeconfig"), given.get("context"))
        namespace = given.get("namespace") or connection.namespace
        asyncio.run(asyncio.wait_for(talk(act, connection, namespace), PATIENCE_SECONDS))
    except (ApiError, LoginError, TransportError, SteerError, TimeoutError):
        return []
    return names
