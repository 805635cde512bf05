"""How many attempts of a flow ran at once: counted by the database in slices of time."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Integer, cast, func, literal, select, union_all

from jobflows.archive.models import Attempt
from jobflows.web.figures.timeline import Buckets

SLICES = 240

COUNTED = 10_000
"""Attempts of which it is counted how many ran at once; of more the slices tell."""


def over_time(
    connection: Connection, flow: str, now: float, *, step: str | None = None
) -> Buckets | None:
    """Begins and ends of the attempts of a flow, or of one step; None when there are none."""
    mine: list[ColumnElement[bool]] = [Attempt.flow_id == flow, Attempt.started.is_not(None)]
    if step is not None:
        mine.append(Attempt.step == step)
    ends = select(func.min(Attempt.started), func.max(Attempt.started), func.max(Attempt.finished))
    since, last, finished = connection.execute(ends.where(*mine)).one()
    if since is None or last is None:
        return None
    open_ = select(Attempt.flow_id).where(*mine, Attempt.phase == "Running").limit(1)
    until = max(last, finished or last)
    if connection.execute(open_).first() is not None:
        until = max(until, now)
    wide = max(until - since, 0.001) / SLICES

    def counted(column: ColumnElement[float | None], *more: ColumnElement[bool]) -> dict[int, int]:
        # A cast cuts off in SQLite, and rounds in PostgreSQL.
        less = 0.0 if connection.dialect.name == "sqlite" else 0.5
        slot = cast((column - since) / wide - less, Integer)
        asked = select(slot, func.count()).where(*mine, column.is_not(None), *more).group_by(slot)
        found: dict[int, int] = {}
        for at, count in connection.execute(asked):
            inside = min(SLICES - 1, max(0, at))
            found[inside] = found.get(inside, 0) + count
        return found

    started, ended = Attempt.started.expression, Attempt.finished.expression
    begun = counted(started)
    few = sum(begun.values()) <= COUNTED
    return Buckets(
        since=since,
        seconds=wide,
        count=SLICES,
        started=begun,
        ended=counted(ended),
        failed=counted(ended, Attempt.phase == "Failed"),
        most=_most(connection, mine) if few else None,
    )


def _most(connection: Connection, mine: list[ColumnElement[bool]]) -> int:
    """How many ran at once; who began when another ended did not run beside it."""
    begins = select(Attempt.started.label("at"), literal(1).label("more")).where(*mine)
    ends = select(Attempt.finished, literal(-1)).where(*mine, Attempt.finished.is_not(None))
    event = union_all(begins, ends).subquery()
    order = (event.c.at, event.c.more)
    level = func.sum(event.c.more).over(order_by=order, rows=(None, 0)).label("level")
    levels = select(level).subquery()
    return int(connection.execute(select(func.max(levels.c.level))).scalar_one())
