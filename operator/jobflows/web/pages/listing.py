"""Part of a long list, from the cursor that an address names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from jobflows.archive import ArchiveError, Page

T = TypeVar("T")


def listed(
    ask: Callable[..., Page[T]], connection: Connection, where: object, after: str | None, rows: int
) -> tuple[Page[T], str]:
    """What comes after a cursor; where it is none, the first rows, and what is wrong with it."""
    try:
        return ask(connection, where, after=after, limit=rows), ""
    except ArchiveError as error:
        return ask(connection, where, limit=rows), str(error)
