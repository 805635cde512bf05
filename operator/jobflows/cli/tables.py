"""How results are printed: tables for people, documents for programs."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobflows.cli.connection import Output
from jobflows.cli.documents import to_json, to_yaml

WIDTH_OF_FILES = 240
"""Columns where there is no terminal to measure; messages are not folded for `grep`."""


def console() -> Console:
    """Standard output: colours and folding only on a terminal."""
    width = None if sys.stdout.isatty() else WIDTH_OF_FILES
    return Console(highlight=False, soft_wrap=True, width=width)


def table(*titles: str) -> Table:
    """A table whose last column takes what is left of the line."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles[:-1]:
        made.add_column(title, no_wrap=True)
    made.add_column(titles[-1], overflow="fold")
    return made


def say(*parts: str | tuple[str, str]) -> None:
    """One line on standard output."""
    console().print(Text.assemble(*parts))


def say_done(flow: str, words: str, output: Output, **facts: Any) -> None:
    """What a command has done to a flow: a sentence for people, a document for programs."""
    if output is Output.TABLE:
        say(f"{flow}: {words}")
    else:
        print_document({"flow": flow, **facts, "message": words}, as_json=output is Output.JSON)


def print_document(document: Any, *, as_json: bool) -> None:
    """A document for programs."""
    sys.stdout.write(to_json(document) if as_json else to_yaml(document))


def without_empty(document: dict[str, Any]) -> dict[str, Any]:
    """A document without the fields that say nothing."""
    empty: Sequence[Any] = (None, "", [], {}, ())
    return {key: value for key, value in document.items() if value not in empty}
