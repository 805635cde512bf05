"""`jobflow archive`: make an archive, look at it, take data out of it, and keep it small."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobflows.api.durations import parse_span
from jobflows.cli.connection import Output, OutputOption
from jobflows.cli.tables import console, print_document, say, table
from jobflows.engine.times import rfc3339
from jobflows.local.archiving import archive_url, catch_up
from jobflows.local.home import data_home

if TYPE_CHECKING:
    from jobflows.archive import Archive

FAILED, USAGE = 1, 2


class Action(StrEnum):
    """What is done."""

    INIT = "init"
    INFO = "info"
    EXPORT = "export"
    PRUNE = "prune"


class Format(StrEnum):
    """What is written."""

    CSV = "csv"
    PARQUET = "parquet"


def archive(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    *,
    database: Annotated[
        str,
        typer.Option(
            help="sqlite:////path/archive.db or postgresql://user@host/database. Default: "
            "$JOBFLOW_ARCHIVE, or archive.db in JOBFLOW_HOME.",
            metavar="URL",
        ),
    ] = "",
    format_: Annotated[
        Format, typer.Option("--format", help="export: csv, or parquet with pyarrow.")
    ] = Format.CSV,
    to: Annotated[
        Path | None, typer.Option(help="export: the file; csv goes to standard output without.")
    ] = None,
    since: Annotated[
        str, typer.Option(help="export: attempts that ended in this time, such as 7d.")
    ] = "",
    older_than: Annotated[
        str, typer.Option(help="prune: flows that ended longer ago, such as 90d or 12w.")
    ] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Make an archive of what ran, tell what is in it, export it, or remove what is old.

    init makes the database, or brings its tables up to date; from then on runs of this machine are
    taken in, those from before as well. A cluster's flows are written by jobflow-recorder.

    export writes one line for each attempt: what it asked for, what it used, how it ended.

    Exit code: 0 done, 1 no archive, or it does not answer, 2 wrong usage.

    Examples:

      jobflow archive init

      jobflow archive export --since 7d > attempts.csv

      jobflow archive prune --older-than 90d
    """
    try:
        from jobflows.archive import Archive, ArchiveError  # noqa: PLC0415 - an extra
    except ImportError as error:
        typer.echo("for an archive: pip install 'jobflows[archive]'", err=True)
        raise typer.Exit(FAILED) from error
    home = data_home()
    url = database or archive_url(home)
    ours = url == archive_url(home)
    try:
        with Archive.open(url, migrate=action is Action.INIT) as opened:
            if ours:
                catch_up(opened, home)
            match action:
                case Action.INIT:
                    say(f"{opened.url} is ready")
                case Action.INFO:
                    _info(opened, output)
                case Action.EXPORT:
                    _export(opened, format_, to, _span("--since", since) if since else None)
                case Action.PRUNE:
                    _prune(opened, _span("--older-than", older_than))
    except ArchiveError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(FAILED) from error


def _info(opened: Archive, output: Output) -> None:
    from jobflows.archive.contents import contents  # noqa: PLC0415 - an extra

    with opened.reading() as connection:
        found = contents(connection)
    document: dict[str, Any] = {
        "database": opened.url,
        "rows": found.rows,
        "oldest": rfc3339(found.oldest),
        "newest": rfc3339(found.newest),
        "bytes": found.size,
    }
    if output is not Output.TABLE:
        print_document(document, as_json=output is Output.JSON)
        return
    say(f"{opened.url}: {found.size / (1 << 20):.1f} MiB")
    if found.oldest is not None:
        say(f"flows from {document['oldest']} to {document['newest']}")
    rows = table("TABLE", "ROWS")
    for name, count in found.rows.items():
        rows.add_row(name, str(count))
    console().print(rows)


def _export(opened: Archive, kind: Format, to: Path | None, span: float | None) -> None:
    from jobflows.archive.exporting import export_csv, export_parquet  # noqa: PLC0415 - an extra

    since = None if span is None else time.time() - span
    if kind is Format.PARQUET and to is None:
        raise typer.BadParameter("Parquet is no text; name a file", param_hint="--to")
    try:
        with opened.reading() as connection:
            if to is None:
                export_csv(connection, sys.stdout, since=since)
                return
            if kind is Format.PARQUET:
                count = export_parquet(connection, to, since=since)
            else:
                with to.open("w", encoding="utf-8", newline="") as file:
                    count = export_csv(connection, file, since=since)
    except OSError as error:
        typer.echo(f"Error: {to} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(USAGE) from error
    say(f"{count} attempts in {to}")


def _prune(opened: Archive, span: float) -> None:
    from jobflows.archive.pruning import prune  # noqa: PLC0415 - an extra

    now = time.time()
    say(f"{prune(opened, before=now - span, now=now)} flows are removed")


def _span(option: str, text: str) -> float:
    try:
        return parse_span(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
