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
from jobflows.cli.progress import glance
from jobflows.cli.summary import steps_table
from jobflows.cli.tables import console, print_document, say, table
from jobflows.cli.words import one_line, verdict
from jobflows.engine import FlowPhase, Instant
from jobflows.engine.times import parse_rfc3339
from jobflows.measures import duration
from jobflows.steering.machine import LocalRuns

if TYPE_CHECKING:
    from jobflows.cli.place import Place
    from jobflows.steering.loaded import Loaded

FAILED = 1
FRAME_ROWS = 4
"""Lines of a terminal around the table of steps."""


async def list_flows(
    place: "Place",
    *,
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Flows of all namespaces.")
    ] = False,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", metavar="KEY=VALUE", help="Flows with this label only."),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", "-u", metavar="NAME", help="Flows that this user created only."),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List flows of a cluster, or runs of this machine, with their progress.

    Without a kubeconfig, or with --local, it is about this machine.

    Exit code: 0 listed, 2 wrong usage, 3 no cluster, or not allowed.

    Examples:

      jobflow list

      jobflow list --local

      jobflow list --user ada -l team=ocean

      jobflow list -A -o json | jq '.items[] | select(.status.phase == "Failed")'
    """
    marks = dict(_label(text) for text in label or ())
    records = await place.flows(everywhere=everywhere, marks=marks, user=user)
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
        created = parse_rfc3339(meta.creationTimestamp) or place.now()
        cells = [
            meta.name,
            status.get("phase", ""),
            (status.get("progress") or {}).get("summary", ""),
            duration(place.now() - created),
        ]
        message = Text(one_line(status.get("message") or ""))
        rows.add_row(*([meta.namespace] if everywhere else []), *cells, message)
    if records:
        console().print(rows)
    else:
        filtered = bool(marks) or user is not None
        say("no flow is like that" if filtered else _nothing(place, everywhere=everywhere))


def _label(text: str) -> tuple[str, str]:
    key, is_pair, value = text.partition("=")
    if not (key and is_pair) or "," in text:
        raise typer.BadParameter(f"--label {text}: write KEY=VALUE, and --label again for another")
    return key, value


def _nothing(place: "Place", *, everywhere: bool) -> str:
    if isinstance(place, LocalRuns):
        return f"no runs in {place.store.home}"
    return "no flows" + ("" if everywhere else f" in namespace {place.namespace}")


async def status(
    place: "Place",
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
        loaded = await place.load(flow)
        if output is Output.TABLE:
            console().print(_picture(loaded, place.now()))
        else:
            print_document(_summary(loaded.record), as_json=output is Output.JSON)
        return
    await watch_flow(place, flow)


async def watch_flow(place: "Place", name: str) -> None:
    """Show a flow on each change until it has ended; raises `typer.Exit` when not well."""
    out = console()
    live = Live(console=out, auto_refresh=False) if out.is_terminal else None
    shown: dict[str, str] = {}
    with live or nullcontext():
        async for loaded in place.follow(name):
            if live is not None:
                live.update(_picture(loaded, place.now(), out.height), refresh=True)
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


def _picture(loaded: "Loaded", now: Instant, height: int | None = None) -> RenderableType:
    """A flow with all of its steps; on a terminal that has no room for them, with what goes on."""
    ledger = loaded.ledger
    style = {FlowPhase.SUCCEEDED: "bold green", FlowPhase.FAILED: "bold red"}
    seen = verdict(ledger) if loaded.seen else "not taken up by an operator yet"
    name = loaded.record.metadata.name
    head = Text.assemble((name, "bold"), "  ", (loaded.note or seen, style.get(ledger.phase, "")))
    if height is not None and len(ledger.steps) + FRAME_ROWS > height and not ledger.phase.terminal:
        return Group(head, *glance(loaded.flow, ledger, now, height))
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
