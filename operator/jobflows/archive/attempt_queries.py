"""What is asked about attempts: how long, with which resources, and why they failed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from jobflows.archive.flow_queries import columns_of
from jobflows.archive.models import NO_TASK, Attempt, Error, Kind, Log
from jobflows.archive.paging import Page, Query, page
from jobflows.usage import Usage, of_kind, seconds_of

NEWEST = 2_000
"""Attempts of a kind that its figures are of, unless somebody asks for more."""


@dataclass(frozen=True, slots=True)
class AttemptInfo:
    """A row of `models.Attempt`."""

    flow_id: str
    step: str
    attempt: int
    task: int
    run: int
    kind_id: str
    phase: str
    cause: str
    reason: str
    message: str
    exit_code: int | None
    started: float | None
    finished: float | None
    pod: str
    node: str
    memory: int | None
    memory_request: int | None
    cpu: int | None
    peak_memory: int | None
    cpu_seconds: float | None
    measured_by: str
    error_id: str | None

    @property
    def seconds(self) -> float | None:
        """How long it ran."""
        return seconds_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFilter:
    """Which attempts; None asks nothing. Times are of their end."""

    flow_id: str | None = None
    step: str | None = None
    task: int | None = None
    run: int | None = None
    phase: str | None = None
    cause: str | None = None
    kind_id: str | None = None
    error_id: str | None = None
    origin: str | None = None
    namespaces: Collection[str] | None = None
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFilter:
    """Which failures; None asks nothing. Times are of the attempts' ends."""

    flow_id: str | None = None
    kind_id: str | None = None
    origin: str | None = None
    namespaces: Collection[str] | None = None
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class ErrorCluster:
    """Attempts that failed with the same."""

    id: str
    pattern: str
    sample: str
    cause: str
    count: int
    flows: int
    first: float | None
    last: float | None


@dataclass(frozen=True, slots=True)
class KindInfo:
    """A row of `models.Kind`."""

    id: str
    origin: str
    namespace: str
    family: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFilter:
    """Which kinds; None asks nothing."""

    origin: str | None = None
    namespaces: Collection[str] | None = None
    family: str | None = None
    name_contains: str | None = None


_ANY_KIND = KindFilter()
_ANY_ERROR = ErrorFilter()
_EXACTLY = ("flow_id", "step", "task", "run", "phase", "cause", "kind_id", "error_id")


def attempts(
    connection: Connection, where: AttemptFilter, *, after: str | None = None, limit: int = 100
) -> Page[AttemptInfo]:
    """Attempts of a flow by step, number and task; of many flows those that ended last first."""
    key = (Attempt.flow_id, Attempt.step, Attempt.attempt, Attempt.task)
    keys = key[1:] if where.flow_id is not None else (Attempt.finished, *key)
    query = _where(select(*columns_of(Attempt, AttemptInfo), *keys), where)
    if where.flow_id is None:
        query = query.where(Attempt.finished.is_not(None))
    return page(
        connection,
        query,
        AttemptInfo,
        keys=keys,
        descending=where.flow_id is None,
        after=after,
        limit=limit,
    )


def _where(query: Query, where: AttemptFilter | ErrorFilter) -> Query:
    finished: ColumnElement[Any] = Attempt.finished.expression
    kind_id: ColumnElement[Any] = Attempt.kind_id.expression
    if isinstance(where, ErrorFilter):
        # Few attempts fail, and their index has all that is asked. SQLite takes an index of all
        # attempts when it can; of an expression it has none.
        finished, kind_id = finished + 0.0, kind_id.concat("")
    for name in _EXACTLY:
        value = getattr(where, name, None)
        if value is not None:
            query = query.where(getattr(Attempt, name) == value)
    if where.origin is not None or where.namespaces is not None:
        query = query.where(kind_id.in_(kinds_within(where.origin, where.namespaces)))
    if where.since is not None:
        query = query.where(finished >= where.since)
    if where.until is not None:
        query = query.where(finished < where.until)
    return query


def kinds_within(origin: str | None, namespaces: Collection[str] | None) -> Query:
    """The ids of kinds of an origin, in some namespaces; None are all."""
    query: Query = select(Kind.id)
    if origin is not None:
        query = query.where(Kind.origin == origin)
    if namespaces is not None:
        query = query.where(Kind.namespace.in_(namespaces))
    return query


def attempt(
    connection: Connection, flow_id: str, step: str, attempt: int, task: int = NO_TASK
) -> AttemptInfo | None:
    """One attempt."""
    found = connection.execute(
        select(*columns_of(Attempt, AttemptInfo)).where(
            Attempt.flow_id == flow_id,
            Attempt.step == step,
            Attempt.attempt == attempt,
            Attempt.task == task,
        )
    ).first()
    return AttemptInfo(*found) if found else None


def log_tail(
    connection: Connection, flow_id: str, step: str, attempt: int, task: int = NO_TASK
) -> str | None:
    """The last lines of an attempt that failed; None when nobody could read them."""
    found: str | None = connection.execute(
        select(Log.tail).where(
            Log.flow_id == flow_id, Log.step == step, Log.attempt == attempt, Log.task == task
        )
    ).scalar()
    return found


def errors(
    connection: Connection,
    where: ErrorFilter = _ANY_ERROR,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[ErrorCluster]:
    """What attempts failed with, the most frequent first."""
    count = func.count()
    counted = _where(
        select(
            Attempt.error_id,
            count.label("count"),
            func.count(Attempt.flow_id.distinct()).label("flows"),
            func.min(Attempt.finished).label("first"),
            func.max(Attempt.finished).label("last"),
        ).where(Attempt.error_id.is_not(None)),
        where,
    )
    found = counted.group_by(Attempt.error_id).subquery()
    keys = (found.c.count, found.c.error_id)
    query = select(
        *(Error.id, Error.pattern, Error.sample, Error.cause),
        *(found.c.count, found.c.flows, found.c.first, found.c.last),
        *keys,
    ).join(found, found.c.error_id == Error.id)
    return page(
        connection, query, ErrorCluster, keys=keys, descending=True, after=after, limit=limit
    )


def kinds(
    connection: Connection,
    where: KindFilter = _ANY_KIND,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[KindInfo]:
    """What can be compared, by family and name."""
    keys = (Kind.family, Kind.name, Kind.id)
    query = select(*columns_of(Kind, KindInfo), *keys)
    if where.origin is not None:
        query = query.where(Kind.origin == where.origin)
    if where.namespaces is not None:
        query = query.where(Kind.namespace.in_(where.namespaces))
    if where.family is not None:
        query = query.where(Kind.family == where.family)
    if where.name_contains:
        query = query.where(Kind.name.contains(where.name_contains, autoescape=True))
    return page(connection, query, KindInfo, keys=keys, descending=False, after=after, limit=limit)


def kind(connection: Connection, id: str) -> KindInfo | None:
    """One kind."""
    row = connection.execute(select(*columns_of(Kind, KindInfo)).where(Kind.id == id)).first()
    return KindInfo(*row) if row else None


def points(
    connection: Connection, kind_id: str, *, since: float | None = None, newest: int = NEWEST
) -> list[AttemptInfo]:
    """The attempts of a kind that ended last, the oldest first."""
    query = select(*columns_of(Attempt, AttemptInfo)).where(
        Attempt.kind_id == kind_id, Attempt.finished.is_not(None)
    )
    if since is not None:
        query = query.where(Attempt.finished >= since)
    rows = connection.execute(query.order_by(Attempt.finished.desc()).limit(newest)).all()
    return [AttemptInfo(*row) for row in reversed(rows)]


def usage(
    connection: Connection, kind_id: str, *, since: float | None = None, newest: int = NEWEST
) -> Usage:
    """What the attempts of a kind that ended last have used."""
    known = kind(connection, kind_id)
    name = known.name if known is not None else kind_id
    found = points(connection, kind_id, since=since, newest=newest)
    return of_kind(name, ((each.flow_id, each) for each in found))
