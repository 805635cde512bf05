"""`jobflow graph`: a flow as a table of layers, as a picture, or as data."""

import functools
import os
import sys
import time
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from jobflows.cli.documents import to_json, to_yaml
from jobflows.cli.flowfile import compile_flow, read_flow
from jobflows.cli.graph.data import describe
from jobflows.cli.graph.text import to_dot, to_mermaid
from jobflows.cli.place import Place, anywhere
from jobflows.cli.tables import console, table
from jobflows.cli.words import STYLES
from jobflows.drawing.picture import MOST_NODES, Node, Picture, draw
from jobflows.drawing.svg import to_svg
from jobflows.engine import CompiledFlow, Instant, Ledger
from jobflows.measures import duration


class Format(StrEnum):
    """What a graph is printed as."""

    TABLE = "table"
    SVG = "svg"
    DOT = "dot"
    MERMAID = "mermaid"
    JSON = "json"
    YAML = "yaml"


async def _of_a_flow(
    place: Place,
    flow: Annotated[
        str, typer.Argument(metavar="FILE|FLOW", help="A file, - for standard input, or a flow.")
    ],
    *,
    output: Annotated[
        Format, typer.Option("--output", "-o", help="How the graph is printed.")
    ] = Format.TABLE,
    max_nodes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Beyond, alike steps are drawn as one.")
    ] = MOST_NODES,
) -> None:
    """Draw what waits for what, with phases and the critical path.

    FILE is anything with a dot or a slash in it. A flow is shown as it stands now.

    An array is one node with the counts of its tasks. Of a large flow, steps that are alike are
    shown as one, but for json and yaml, which have them all.

    Exit code: 0 drawn, 1 no such flow, or it has problems, 2 wrong usage or a file that cannot be
    read, 3 no cluster, or not allowed.

    Examples:

      jobflow graph flow.yaml

      jobflow graph etl -o svg > etl.svg

      jobflow graph flow.yaml -o dot | dot -Tpdf > flow.pdf

      jobflow graph etl -o json | jq -r .criticalPath[]
    """
    loaded = await place.load(flow)
    show(loaded.flow, loaded.ledger, place.now(), output, max_nodes)


_anywhere = anywhere(_of_a_flow)


@functools.wraps(_anywhere)
def graph(**given: Any) -> None:
    """Of a file nothing but the file is needed."""
    source = given["flow"]
    if not is_file(source):
        _anywhere(**given)
        return
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    read = read_flow(source, notes)
    flow = compile_flow(read.flow, [], uid="", suffix="xxxxx", now=0.0)
    show(flow, None, time.time(), given["output"], given["max_nodes"])


def is_file(source: str) -> bool:
    """Whether a word names a file; names of flows in use have no slash, and seldom a dot."""
    return source == "-" or "/" in source or "." in source or os.path.isfile(source)


def show(
    flow: CompiledFlow, ledger: Ledger | None, now: Instant, output: Format, most: int
) -> None:
    """Print the graph of a flow."""
    if output in (Format.JSON, Format.YAML):
        document = describe(flow, ledger, now)
        sys.stdout.write(to_json(document) if output is Format.JSON else to_yaml(document))
        return
    picture = draw(flow, ledger, now, most)
    if output is Format.TABLE:
        _print_layers(picture)
    else:
        write = {Format.SVG: to_svg, Format.DOT: to_dot, Format.MERMAID: to_mermaid}[output]
        sys.stdout.write(write(picture))


def _print_layers(picture: Picture) -> None:
    out = console()
    out.print(Text(picture.title, "bold"))
    rows = table("LAYER", "", "STEP", "STATE", "AFTER")
    above = _parents(picture)
    for number, layer in enumerate(picture.layers, 1):
        for at in layer:
            node = picture.nodes[at]
            rows.add_row(
                str(number) if at == layer[0] else "",
                Text("*" if node.critical else "", "bold red"),
                node.name,
                _state(node),
                Text(_few([picture.nodes[parent].name for parent in above[at]])),
            )
    out.print(rows)
    for line in _notes(picture):
        out.print(line)


def _notes(picture: Picture) -> Iterator[Text]:
    names = picture.critical_names
    took = "" if picture.critical_seconds is None else f", {duration(picture.critical_seconds)}"
    path = _few(names, 8, " > ")
    yield Text.assemble(("*", "bold red"), f" critical path: {len(names)} steps{took}: {path}")
    if picture.hidden:
        yield Text(f"{picture.hidden} steps are shown as groups of alike ones", "dim")


def _parents(picture: Picture) -> list[list[int]]:
    above: list[list[int]] = [[] for _ in picture.nodes]
    for a, b in picture.edges:
        above[b].append(a)
    return above


def _state(node: Node) -> Text:
    style = STYLES[node.phase] if node.phase is not None else ""
    return Text(node.words, style)


def _few(names: list[str] | tuple[str, ...], most: int = 4, between: str = ", ") -> str:
    """The first of many names, how many there are between, and for a path the last."""
    if len(names) <= most:
        return between.join(names)
    if between == ", ":
        return f"{between.join(names[:most])} and {len(names) - most} more"
    return between.join([*names[: most - 1], "…", names[-1]])
