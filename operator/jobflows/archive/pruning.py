"""What is old is removed, flow by flow, in small transactions that nobody has to wait for.

A flow of a cluster goes once it has been deleted there: else a recorder would write it anew. Of a
run of one machine one row stays, by which it is known to have been taken in.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update

from jobflows.archive.facts import LOCAL
from jobflows.archive.models import (
    Attempt,
    Chunking,
    Document,
    Error,
    Flow,
    Kind,
    Label,
    Log,
    Run,
    Step,
)
from jobflows.archive.store import Archive

AT_ONCE = 100
"""Flows of one transaction."""

_PARTS = (Log, Attempt, Chunking, Step, Run, Label, Document)


def prune(archive: Archive, *, before: float, now: float) -> int:
    """Remove flows that ended before `before` (UNIX seconds). Returns how many."""
    removed = 0
    while True:
        with archive.writing() as connection:
            query = select(Flow.id, Flow.origin).where(_is_old(before)).limit(AT_ONCE)
            found = connection.execute(query).all()
            ids = [id for id, _ in found]
            for model in _PARTS:
                connection.execute(delete(model).where(model.flow_id.in_(ids)))
            ours = [id for id, origin in found if origin == LOCAL]
            others = [id for id, origin in found if origin != LOCAL]
            connection.execute(update(Flow).where(Flow.id.in_(ours)).values(deleted=now))
            connection.execute(delete(Flow).where(Flow.id.in_(others)))
        removed += len(ids)
        if len(ids) < AT_ONCE:
            break
    if removed:
        _remove_orphans(archive)
    return removed


def _is_old(before: float) -> ColumnElement[bool]:
    gone = and_(Flow.origin != LOCAL, Flow.deleted.is_not(None))
    ours = and_(Flow.origin == LOCAL, Flow.deleted.is_(None))
    ended = func.coalesce(Flow.finished, Flow.deleted)
    return and_(or_(gone, ours), ended < before)


def _remove_orphans(archive: Archive) -> None:
    """Errors and kinds that nothing refers to any more."""
    with archive.writing() as connection:
        used = select(Attempt.error_id).where(Attempt.error_id == Error.id)
        connection.execute(delete(Error).where(~used.exists()))
        tried = select(Attempt.kind_id).where(Attempt.kind_id == Kind.id)
        planned = select(Step.kind_id).where(Step.kind_id == Kind.id)
        connection.execute(delete(Kind).where(~tried.exists(), ~planned.exists()))
