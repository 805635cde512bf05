"""What all commands that talk to a cluster share: options, the way there, words for trouble.

A command is written as `async def act(cluster, …)` and made a program by `on_cluster`, which adds
`--namespace`, `--context` and `--kubeconfig` and opens the connection. Tests call the function with
a cluster of their own. The client's libraries are imported only when a command needs them, so that
`jobflow run` starts fast and works without.
"""

import asyncio
import functools
import inspect
import random
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from jobflows.cli.names import flow_names, step_names
from jobflows.steering.errors import SteerError

if TYPE_CHECKING:
    from jobflows.cli.cluster import Cluster
    from jobflows.cluster import ApiError

REFUSED, UNREACHABLE, INTERRUPTED = 1, 3, 130

FlowName = Annotated[
    str, typer.Argument(metavar="FLOW", help="Name of the flow.", autocompletion=flow_names)
]
StepName = Annotated[
    str, typer.Argument(metavar="STEP", help="Name of the step.", autocompletion=step_names)
]


class Output(StrEnum):
    """How the result is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How the result is printed.")]


PLACE_OPTIONS: dict[str, tuple[Any, Any]] = {
    "namespace": (
        Annotated[
            str | None,
            typer.Option("--namespace", "-n", help="Namespace. Default: the context's."),
        ],
        None,
    ),
    "context": (
        Annotated[
            str | None, typer.Option(metavar="NAME", help="Context of the kubeconfig to use.")
        ],
        None,
    ),
    "kubeconfig": (
        Annotated[
            str | None,
            typer.Option(metavar="FILE", help="Default: KUBECONFIG, or ~/.kube/config."),
        ],
        None,
    ),
}
"""Options that say which cluster, each with its default."""


def on_cluster(act: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a command of `act(cluster, …)`."""
    return make_command(act, PLACE_OPTIONS, run_on_cluster)


def make_command(
    act: Callable[..., Awaitable[None]],
    options: dict[str, tuple[Any, Any]],
    run: Callable[..., None],
) -> Callable[..., None]:
    """A command with the options of `act(place, …)` and those that say where: `run(act, **where)`
    opens the place and calls `act`."""

    @functools.wraps(act)
    def command(**given: Any) -> None:
        where = {name: given.pop(name) for name in options}
        run(functools.partial(act, **given), **where)

    own = list(inspect.signature(act).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter(name, keyword, default=default, annotation=option)
        for name, (option, default) in options.items()
    ]
    hints = {parameter.name: parameter.annotation for parameter in (*own, *shared)}
    command.__annotations__ = hints
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # typer reads it
        [p.replace(kind=keyword) for p in own] + shared
    )
    return command


def has_cluster() -> bool:
    """Whether there is a kubeconfig that names a cluster, or this is a pod of one."""
    try:
        from jobflows.cluster import LoginError, connect  # noqa: PLC0415
    except ModuleNotFoundError:
        return False
    try:
        connect(None, None)
    except LoginError:
        return False
    return True


def run_on_cluster(
    act: Callable[["Cluster"], Awaitable[None]],
    *,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
) -> None:
    try:
        from jobflows.cluster import ApiError, LoginError, TransportError, connect  # noqa: PLC0415
    except ModuleNotFoundError as error:
        end(f"{error.name} is missing: pip install 'jobflows[cluster]'", UNREACHABLE)
    try:
        connection = connect(kubeconfig, context)
    except LoginError as error:
        end(str(error), UNREACHABLE)
    try:
        asyncio.run(talk(act, connection, namespace or connection.namespace))
    except SteerError as error:
        end(str(error), REFUSED)
    except ApiError as error:
        end(_advise(error, namespace or connection.namespace), _code(error))
    except TransportError as error:
        words = "is the cluster up, and is this the right --context?"
        end(f"no answer from {connection.server} ({error}); {words}", UNREACHABLE)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


async def talk(
    act: Callable[["Cluster"], Awaitable[None]], connection: Any, namespace: str
) -> None:
    """Open a connection, act, and close it."""
    from jobflows.cli.cluster import Cluster  # noqa: PLC0415 - see the module's docstring
    from jobflows.cluster import Client, Limiter  # noqa: PLC0415
    from jobflows.cluster.http import AiohttpTransport  # noqa: PLC0415

    transport = AiohttpTransport(connection)
    try:
        client = Client(transport, Limiter(), rng=random.Random(), attempts=3)
        await act(Cluster(client, namespace, now=time.time, stream=transport.stream))
    finally:
        await transport.close()


def _advise(error: "ApiError", namespace: str) -> str:
    """What the API server said, and what to do about it."""
    if error.unauthorized:
        return "the API server does not accept these credentials; log in again"
    if error.forbidden:
        check = f"kubectl auth can-i --list -n {namespace}"
        return f"not allowed: {error.message} (`{check}` shows what is)"
    if error.not_found and error.details.kind != "jobflows":
        return "the API server knows no JobFlows; install crds/workflow.kube-zen.io_jobflows.yaml"
    return f"the API server says: {error.message or error}"


def _code(error: "ApiError") -> int:
    allowed = not (error.unauthorized or error.forbidden)
    return (
        REFUSED
        if allowed and (error.invalid or error.is_conflict or error.already_exists)
        else UNREACHABLE
    )


def end(words: str, code: int) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(words, "red"))
    raise typer.Exit(code)
