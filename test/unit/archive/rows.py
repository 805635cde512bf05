"""All that an archive holds, to compare it with another."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from jobflows.archive import Archive
from jobflows.archive.models import Base


def all_rows(archive: Archive) -> dict[str, list[tuple[Any, ...]]]:
    with archive.reading() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in Base.metadata.sorted_tables
        }
