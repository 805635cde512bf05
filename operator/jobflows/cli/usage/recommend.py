"""`jobflow recommend`: the flow with what its steps should ask for."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from jobflows.cli.connection import FlowName
from jobflows.cli.place import Place
from jobflows.cli.tables import console, print_document, table
from jobflows.cli.usage.gathering import By, DatabaseOption, gather
from jobflows.steering.errors import SteerError
from jobflows.usage import MARGIN, PERCENTILE, Advice, advise, with_advice

KEPT = ("name", "generateName", "namespace", "labels", "annotations")


class Format(StrEnum):
    """What is printed."""

    YAML = "yaml"
    JSON = "json"
    TABLE = "table"


async def recommend(
    place: Place,
    flow: FlowName,
    *,
    percentile: Annotated[
        float, typer.Option(min=1, max=100, help="Part of the tasks that is to fit at once.")
    ] = PERCENTILE,
    margin: Annotated[
        float, typer.Option(min=0, max=1000, help="Percent on top of the percentile.")
    ] = MARGIN * 100,
    output: Annotated[
        Format, typer.Option("--output", "-o", help="yaml, json: the flow; table: the numbers.")
    ] = Format.YAML,
    database: DatabaseOption = "",
) -> None:
    """Print a flow with the memory, CPU and time that its steps should ask for.

    The flow is printed as it can be applied or run again; the reasons go to standard error.

    Memory is a percentile of what the tasks used, with a margin. The tasks above it run out of
    memory once and are tried again with twice as much; what that costs is told. A time limit is
    twice the longest time, at least a minute. What nobody measured is left as it is.

    Exit code: 0 printed, 1 no such flow, or nothing was measured, 2 wrong usage, 3 no cluster, or
    not allowed.

    Examples:

      jobflow recommend etl > etl.yaml

      jobflow recommend etl --percentile 99 --margin 20 -o table
    """
    del database  # it says which place
    measured = await gather(place, flow, By.TEMPLATE)
    advice = [advise(each, percentile=percentile, margin=margin / 100) for each in measured.usage]
    advice = [each for each in advice if (each.memory, each.cpu, each.timeout) != (None,) * 3]
    if not advice:
        raise SteerError(f"nothing was measured of {flow}; let it run to an end first")
    if output is Format.TABLE:
        _print(advice)
        return
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    for each in advice:
        notes.print(Text(f"{each.name}: {_words(each)}", "dim"))
    document = measured.document
    metadata = {key: document["metadata"][key] for key in KEPT if document["metadata"].get(key)}
    bare = {
        **{key: document[key] for key in ("apiVersion", "kind")},
        "metadata": metadata,
        "spec": document["spec"],
    }
    made = with_advice(bare, {each.name: each for each in advice})
    print_document(made, as_json=output is Format.JSON)


def _print(advice: list[Advice]) -> None:
    rows = table("NAME", "MEMORY", "CPU", "TIMEOUT", "TRIED AGAIN", "MEMORY SAVED")
    for each in advice:
        rows.add_row(
            each.name,
            _known(each.memory, "Mi"),
            _known(each.cpu, "m"),
            _known(each.timeout, "s"),
            _part(each.retries),
            _part(each.saved),
        )
    console().print(rows)


def _words(advice: Advice) -> str:
    parts: list[str] = []
    if advice.memory is not None:
        parts.append(f"memory {advice.memory}Mi")
    if advice.memory is not None and advice.retries != 0:
        again = "an unknown part" if advice.retries is None else f"{advice.retries:.1%}"
        parts.append(f"{again} of its tasks will be tried again with more")
        if advice.saved:
            parts.append(f"{advice.saved:.0%} less memory than for the largest at once")
    if advice.cpu is not None:
        parts.append(f"cpu {advice.cpu}m")
    if advice.timeout is not None:
        parts.append(f"timeoutSeconds {advice.timeout}")
    return ", ".join(parts)


def _known(value: Any, unit: str) -> str:
    return "-" if value is None else f"{value}{unit}"


def _part(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
