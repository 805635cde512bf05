"""Pages of a long list: each ends with a cursor that says where the next one goes on.

A cursor is the key of the last row, so a page costs the same however far in it is, and rows that
come or go in between neither double nor hide others.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy import Connection, Select, SQLColumnExpression, tuple_

from jobflows.archive.errors import ArchiveError

T = TypeVar("T")

Query: TypeAlias = Select[*tuple[Any, ...]]
KeyColumn: TypeAlias = SQLColumnExpression[Any]

MOST = 10_000
"""Items of a page."""

LARGEST = 2**63

_UNHEARD_OF = re.compile("[\0\ud800-\udfff]")
"""What no database takes."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next` is the cursor of the page after this one, None at the end."""

    items: list[T] = field(default_factory=list)
    next: str | None = None


def page(
    connection: Connection,
    query: Query,
    make: Callable[..., T],
    *,
    keys: Sequence[KeyColumn],
    descending: bool,
    after: str | None,
    limit: int,
) -> Page[T]:
    """The rows of `query` by `keys` after a cursor. The keys are its last columns, and unique."""
    if not 1 <= limit <= MOST:
        raise ArchiveError(f"a page has 1 to {MOST} items, not {limit}")
    if after is not None:
        values = _read(after, keys)
        row = tuple_(*keys)
        beyond = row < tuple_(*values) if descending else row > tuple_(*values)
        query = query.where(beyond)
    query = query.order_by(*(key.desc() if descending else key.asc() for key in keys))
    rows = connection.execute(query.limit(limit + 1)).all()
    items = [make(*row[: -len(keys)]) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(items, _written(rows[limit - 1][-len(keys) :]) if more else None)


def _written(values: Sequence[Any]) -> str:
    text = json.dumps(list(values), separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str, keys: Sequence[KeyColumn]) -> list[Any]:
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArchiveError("that is no cursor; take `next` of the page before") from error
    if not (
        isinstance(values, list)
        and len(values) == len(keys)
        and all(_is_of(value, key) for value, key in zip(values, keys, strict=True))
    ):
        raise ArchiveError("that is a cursor of another list; begin without one")
    return values


def _is_of(value: Any, key: KeyColumn) -> bool:
    """Whether a column can hold it; what it cannot, a database refuses in words of its own."""
    column: Any = key.expression  # type: ignore[attr-defined] # of all that are columns
    kind = column.type.python_type
    if kind is str:
        return isinstance(value, str) and _UNHEARD_OF.search(value) is None
    is_number = type(value) is int or (kind is float and type(value) is float)
    return is_number and abs(value) < LARGEST
