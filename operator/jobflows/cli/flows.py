"""`jobflow list` and `jobflow status`: what flows there are, and how one stands."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from jobflows.api.model import API_VERSION, KIND
from jobflows.cli.connection import FlowName, Output, OutputOption
from jobflows.cli.documents import to_json_list
from jobflows.cli.summary import steps_table
from jobflows.cli.tables import console, print_document, say, table
from jobflows.cli.words import duration, one_line, verdict
from jobflows.engine import FlowPhase, Instant
from jobflows.engine.times import parse_rfc3339

if TYPE_CHECKING:
    from jobflows.cli.cluster import Cluster, Loaded

FAILED = 1


async def list_flows(
    cluster: "Cluster",
    *,
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Flows of all namespaces.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """List flows with their progress.

    Exit code: 0 listed, 2 wrong usage, 3 no cluster, or not allowed.

    Examples:

      jobflow list

      jobflow list -A -o json | jq '.items[] | select(.status.phase == "Failed")'
    """
    records = await cluster.flows(everywhere=everywhere)
    if output is not Output.TABLE:
        items = [_summary(record) for record in records]
        if output is Output.JSON:
            typer.echo(to_json_list(items), nl=False)
        else:
            print_document({"apiVersion": "v1", "kind": "List", "items": items}, as_json=False)
        return
    titles = ("NAME", "PHASE", "PROGRESS", "AGE", "MESSAGE")
    rows = table(*(("NAMESPACE", *titles) if everywhere else titles))
    for record in records:
        meta, status = record.metadata, record.decoded_status()
        created = parse_rfc3339(meta.creationTimestamp) or cluster.now()
        cells = [
            meta.name,
            status.get("phase", ""),
            (status.get("progress") or {}).get("summary", ""),
            duration(cluster.now() - created),
        ]
        message = Text(one_line(status.get("message") or ""))
        rows.add_row(*([meta.namespace] if everywhere else []), *cells, message)
    if records:
        console().print(rows)
    else:
        say("no flows" + ("" if everywhere else f" in namespace {cluster.namespace}"))


async def status(
    cluster: "Cluster",
    flow: FlowName,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again on each change, until the end.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show how a flow and its steps stand.

    Exit code: 0 shown, 1 no such flow, or --watch saw it fail, 2 wrong usage, 3 no cluster, or not
    allowed.

    Examples:

      jobflow status etl

      jobflow status etl --watch

      jobflow status etl -o yaml
    """
    if watch and output is not Output.TABLE:
        raise typer.BadParameter("--watch shows a table; use kubectl get jf -w -o json instead")
    if not watch:
        loaded = await cluster.load(flow)
        if output is Output.TABLE:
            console().print(_picture(loaded, cluster.now()))
        else:
            print_document(_summary(loaded.record), as_json=output is Output.JSON)
        return
    await _watch(cluster, flow)


async def _watch(cluster: "Cluster", name: str) -> None:
    from jobflows.cli.cluster import loaded as read  # noqa: PLC0415 - see connection.py

    out = console()
    live = Live(console=out, auto_refresh=False) if out.is_terminal else None
    shown: dict[str, str] = {}
    with live or nullcontext():
        async for record in cluster.follow(name):
            loaded = read(record)
            if live is not None:
                live.update(_picture(loaded, cluster.now()), refresh=True)
            else:
                shown = _print_changes(loaded, shown)
            if loaded.ledger.phase.terminal:
                break
        else:
            say(f"flow {name} was deleted")
            raise typer.Exit(FAILED)
    if live is None:
        say(verdict(loaded.ledger))
    if loaded.ledger.phase is not FlowPhase.SUCCEEDED:
        raise typer.Exit(FAILED)


def _print_changes(loaded: "Loaded", shown: dict[str, str]) -> dict[str, str]:
    """A line for each step that is not as it was shown; for logs, where nothing can be redrawn."""
    lines = {}
    for name, record in zip(loaded.flow.graph.names, loaded.ledger.steps, strict=True):
        message = f": {one_line(record.message)}" if record.message else ""
        lines[name] = f"{name}: {record.phase}{message}"
        if shown.get(name, f"{name}: Pending") != lines[name]:
            say(lines[name])
    return lines


def _picture(loaded: "Loaded", now: Instant) -> RenderableType:
    ledger = loaded.ledger
    style = {FlowPhase.SUCCEEDED: "bold green", FlowPhase.FAILED: "bold red"}
    seen = verdict(ledger) if loaded.seen else "not taken up by an operator yet"
    head = Text.assemble((loaded.flow.name, "bold"), "  ", (seen, style.get(ledger.phase, "")))
    return Group(head, *steps_table(loaded.flow, ledger, {}, ledger.finished or now))


def _summary(record: Any) -> dict[str, Any]:
    """A flow without its spec."""
    meta = record.metadata
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
        "status": record.decoded_status(),
    }
