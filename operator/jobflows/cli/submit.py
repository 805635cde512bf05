"""`jobflow submit`: a flow from a file to a cluster, checked here first."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from jobflows.api.validation.problems import listed
from jobflows.cli.connection import Output, OutputOption
from jobflows.cli.flowfile import read_flow, split_parameters
from jobflows.cli.flows import watch_flow
from jobflows.cli.tables import print_document, say

if TYPE_CHECKING:
    from jobflows.cli.cluster import Cluster


async def submit(
    cluster: "Cluster",
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The flow to submit; - is standard input.")
    ],
    *,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="Value of a flow parameter."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show how it stands, until the end.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Create a flow on a cluster, with values for its parameters.

    The file is checked first, as lint checks it. A namespace in the file wins.

    Exit code: 0 created, or with --watch succeeded, 1 the flow has problems, exists already or
    failed, 2 wrong usage or a file that cannot be read, 3 no cluster, or not allowed.

    Examples:

      jobflow submit flow.yaml --param day=2026-01-31

      jobflow submit flow.yaml --watch

      name=$(jobflow submit flow.yaml -o json | jq -r .metadata.name)
    """
    if watch and output is not Output.TABLE:
        raise typer.BadParameter("--watch shows a table; leave out --output")
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    document = _with_parameters(read_flow(file, notes).document, split_parameters(param or []))
    cluster.namespace = document["metadata"].get("namespace") or cluster.namespace
    created = await cluster.create(document)
    name = created["metadata"]["name"]
    if output is not Output.TABLE:
        print_document(created, as_json=output is Output.JSON)
        return
    say(f"{name}: submitted to namespace {cluster.namespace}")
    if watch:
        await watch_flow(cluster, name)


def _with_parameters(document: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    spec = document["spec"]
    parameters = spec.get("parameters") or []
    names = [each["name"] for each in parameters]
    for name in values:
        if name not in names:
            has = f"it has {listed(names)}" if names else "it has none"
            raise typer.BadParameter(f"the flow has no parameter '{name}', {has}")
    given = [each | {"value": values.get(each["name"], each["value"])} for each in parameters]
    return {**document, "spec": {**spec, **({"parameters": given} if given else {})}}
