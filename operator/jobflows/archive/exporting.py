"""Attempts for spreadsheets and data frames: a row each, with the names of what they belong to."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, Float, Integer, select

from jobflows.archive.errors import ArchiveError
from jobflows.archive.models import Attempt, Error, Flow, Kind

PORTION = 5_000
"""Rows that are in memory at once."""

_LEFT_OUT = ("kind_id", "error_id", "version")

_QUERY = (
    select(
        Flow.origin,
        Flow.namespace,
        Flow.name.label("flow"),
        Kind.family,
        Kind.name.label("kind"),
        *(column for column in Attempt.__table__.columns if column.name not in _LEFT_OUT),
        Error.pattern.label("error"),
    )
    .join(Kind, Kind.id == Attempt.kind_id)
    .outerjoin(Flow, Flow.id == Attempt.flow_id)
    .outerjoin(Error, Error.id == Attempt.error_id)
    .order_by(Attempt.flow_id, Attempt.step, Attempt.attempt, Attempt.task)
)

COLUMNS: tuple[str, ...] = tuple(column.name for column in _QUERY.selected_columns)


def _portions(connection: Connection, since: float | None) -> Iterator[Sequence[Sequence[Any]]]:
    query = _QUERY if since is None else _QUERY.where(Attempt.finished >= since)
    rows = connection.execution_options(yield_per=PORTION).execute(query)
    yield from rows.partitions()


def export_csv(connection: Connection, out: TextIO, *, since: float | None = None) -> int:
    """Write attempts as CSV with a header. Returns how many."""
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    count = 0
    for portion in _portions(connection, since):
        writer.writerows(portion)
        count += len(portion)
    return count


def export_parquet(connection: Connection, file: Path, *, since: float | None = None) -> int:
    """Write attempts as Parquet. Returns how many. Raises `ArchiveError` without pyarrow."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped] # noqa: PLC0415 - large, and optional
        import pyarrow.parquet as pq  # type: ignore[import-untyped] # noqa: PLC0415 - the same
    except ImportError as error:
        cure = "for Parquet install pyarrow: pip install 'jobflows[parquet]'"
        raise ArchiveError(cure) from error
    types = {Integer: pa.int64(), Float: pa.float64()}
    schema = pa.schema(
        [
            (c.name, next((t for k, t in types.items() if isinstance(c.type, k)), pa.string()))
            for c in _QUERY.selected_columns
        ]
    )
    count = 0
    with pq.ParquetWriter(file, schema) as writer:
        for portion in _portions(connection, since):
            columns = zip(*portion, strict=True)
            arrays = [pa.array(v, field.type) for v, field in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(portion)
    return count
