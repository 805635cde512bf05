"""How much there is in an archive, and from when."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text

from jobflows.archive.models import Base, Flow


@dataclass(frozen=True, slots=True)
class Contents:
    """`rows` by table; times are of the flows' creation; `size` is in bytes."""

    rows: dict[str, int]
    oldest: float | None
    newest: float | None
    size: int


def contents(connection: Connection) -> Contents:
    """Count all rows, which takes a second for a million."""
    rows = {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in sorted(Base.metadata.sorted_tables, key=lambda each: each.name)
    }
    oldest, newest = connection.execute(
        select(func.min(Flow.created), func.max(Flow.created))
    ).one()
    size = (
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        if connection.dialect.name == "sqlite"
        else "SELECT pg_database_size(current_database())"
    )
    return Contents(rows, oldest, newest, connection.execute(text(size)).scalar_one())
