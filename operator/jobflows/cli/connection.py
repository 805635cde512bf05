"""What all commands that talk to a cluster share: options, the way there, words for trouble.

A command is written as `async def act(cluster, …)` and made a program by `on_cluster`, which adds
`--namespace`, `--context` and `--kubeconfig` and opens the connection. Tests call the function with
a cluster of their own. The client's libraries are imported only when a command needs them, so that
`jobflow run` starts fast and works without.
"""

import asyncio
import difflib
import functools
import inspect
import random
import time
from collections.abc import Awaitable, Callable, Collection
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from jobflows.api.validation.problems import listed

if TYPE_CHECKING:
    from jobflows.cli.cluster import Cluster
    from jobflows.cluster import ApiError

REFUSED, UNREACHABLE, INTERRUPTED = 1, 3, 130

FlowName = Annotated[str, typer.Argument(metavar="FLOW", help="Name of the flow.")]
StepName = Annotated[str, typer.Argument(metavar="STEP", help="Name of the step.")]


class Output(StrEnum):
    """How the result is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How the result is printed.")]


class SteerError(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


def unknown(words: str, name: str, known: Collection[str]) -> str:
    """That something has no such name, what it has, and what was probably meant."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    has = f", it has {listed(sorted(known))}" if known else ", it has none"
    return f"{words} '{name}'{has}{hint}"


_OPTIONS: dict[str, Any] = {
    "namespace": Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="Namespace. Default: the context's."),
    ],
    "context": Annotated[
        str | None, typer.Option(metavar="NAME", help="Context of the kubeconfig to use.")
    ],
    "kubeconfig": Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Default: KUBECONFIG, or ~/.kube/config."),
    ],
}


def on_cluster(act: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a command of `act(cluster, …)`."""

    @functools.wraps(act)
    def command(**given: Any) -> None:
        where = {name: given.pop(name) for name in _OPTIONS}
        _run(functools.partial(act, **given), **where)

    own = list(inspect.signature(act).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter(name, keyword, default=None, annotation=option)
        for name, option in _OPTIONS.items()
    ]
    hints = {parameter.name: parameter.annotation for parameter in (*own, *shared)}
    command.__annotations__ = hints
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # typer reads it
        [p.replace(kind=keyword) for p in own] + shared
    )
    return command


def _run(
    act: Callable[["Cluster"], Awaitable[None]],
    *,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
) -> None:
    try:
        from jobflows.cluster import ApiError, LoginError, TransportError, connect  # noqa: PLC0415
    except ModuleNotFoundError as error:
        _end(f"{error.name} is missing: pip install 'jobflows[cluster]'", UNREACHABLE)
    try:
        connection = connect(kubeconfig, context)
    except LoginError as error:
        _end(str(error), UNREACHABLE)
    try:
        asyncio.run(_talk(act, connection, namespace or connection.namespace))
    except SteerError as error:
        _end(str(error), REFUSED)
    except ApiError as error:
        _end(_advise(error, namespace or connection.namespace), _code(error))
    except TransportError as error:
        words = "is the cluster up, and is this the right --context?"
        _end(f"no answer from {connection.server} ({error}); {words}", UNREACHABLE)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


async def _talk(
    act: Callable[["Cluster"], Awaitable[None]], connection: Any, namespace: str
) -> None:
    from jobflows.cli.cluster import Cluster  # noqa: PLC0415 - see the module's docstring
    from jobflows.cluster import Client, Limiter  # noqa: PLC0415
    from jobflows.cluster.http import AiohttpTransport  # noqa: PLC0415

    transport = AiohttpTransport(connection)
    try:
        client = Client(transport, Limiter(), rng=random.Random(), attempts=3)
        await act(Cluster(client, namespace, now=time.time))
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
    return REFUSED if allowed and (error.invalid or error.is_conflict) else UNREACHABLE


def _end(words: str, code: int) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(words, "red"))
    raise typer.Exit(code)
