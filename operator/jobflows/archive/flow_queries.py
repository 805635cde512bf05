"""What is asked about flows, their runs and their steps."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, cast, func, select

from jobflows.archive.models import Base, Chunking, Document, Flow, Label, Run, Step
from jobflows.archive.paging import Page, Query, page

DAY = 86_400


@dataclass(frozen=True, slots=True)
class FlowInfo:
    """A row of `models.Flow`."""

    id: str
    origin: str
    namespace: str
    name: str
    family: str
    phase: str
    reason: str
    message: str
    run: int
    created: float
    started: float | None
    finished: float | None
    deleted: float | None
    completed: int
    total: int
    created_by: str


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A row of `models.Run`."""

    flow_id: str
    run: int
    phase: str
    reason: str
    message: str
    started: float | None
    finished: float | None
    completed: int
    total: int


@dataclass(frozen=True, slots=True)
class StepInfo:
    """A row of `models.Step`."""

    flow_id: str
    run: int
    step: str
    position: int
    on_exit: bool
    kind_id: str
    phase: str
    reason: str
    message: str
    started: float | None
    finished: float | None
    attempts: int
    retries: int
    out_of_memory: int
    timeouts: int
    losses: int
    outputs: str
    tasks: str


@dataclass(frozen=True, slots=True)
class ChunkingInfo:
    """A row of `models.Chunking`."""

    flow_id: str
    run: int
    step: str
    function: str
    items_per_task: int | None
    reason: str
    tasks: int
    items: int
    done: int
    failed: int
    skipped: int
    workers: int | None
    claim_items: float | None
    seconds: float | None
    item_seconds: float | None
    cpu_seconds: float | None
    speedup: float | None
    predicted_speedup: float | None
    efficiency: float | None
    peak_memory: int | None
    deaths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFilter:
    """Which flows; None asks nothing. Times are of their creation."""

    origin: str | None = None
    namespace: str | None = None
    namespaces: Collection[str] | None = None
    family: str | None = None
    name_contains: str | None = None
    phase: str | None = None
    since: float | None = None
    until: float | None = None
    deleted: bool | None = None
    created_by: str | None = None
    label: tuple[str, str] | None = None
    """Key and value."""


@dataclass(frozen=True, slots=True)
class DayCount:
    """Flows created on one day (UTC) that stand where they stand."""

    day: float
    phase: str
    count: int


def columns_of(model: type[Base], info: type[Any]) -> list[ColumnElement[Any]]:
    """The columns of a table in the order of a dataclass's fields."""
    return [getattr(model, each.name) for each in fields(info)]


_ALL = FlowFilter()


def flows(
    connection: Connection, where: FlowFilter = _ALL, *, after: str | None = None, limit: int = 50
) -> Page[FlowInfo]:
    """Flows, the newest first."""
    query, keys = select(*columns_of(Flow, FlowInfo)), [Flow.created, Flow.id]
    if where.label is not None:
        # In the order of their index, so that no more rows are read than shown.
        keys = [Label.created, Label.flow_id]
        key, value = where.label
        mine = (Label.flow_id == Flow.id, Label.key == key, Label.value == value)
        query = query.join(Label, and_(*mine))
    query = _where(query.add_columns(*keys), where)
    return page(connection, query, FlowInfo, keys=keys, descending=True, after=after, limit=limit)


def _where(query: Query, where: FlowFilter) -> Query:
    for name in ("origin", "namespace", "family", "phase", "created_by"):
        value = getattr(where, name)
        if value is not None:
            query = query.where(getattr(Flow, name) == value)
    if where.namespaces is not None:
        query = query.where(Flow.namespace.in_(where.namespaces))
    if where.name_contains:
        query = query.where(Flow.name.contains(where.name_contains, autoescape=True))
    if where.since is not None:
        query = query.where(Flow.created >= where.since)
    if where.until is not None:
        query = query.where(Flow.created < where.until)
    if where.deleted is not None:
        query = query.where(Flow.deleted.is_not(None) if where.deleted else Flow.deleted.is_(None))
    return query


def flow(connection: Connection, id: str) -> FlowInfo | None:
    """One flow."""
    row = connection.execute(select(*columns_of(Flow, FlowInfo)).where(Flow.id == id)).first()
    return FlowInfo(*row) if row else None


def versions(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    """How new that is what the archive has of these flows."""
    rows = connection.execute(select(Flow.id, Flow.version).where(Flow.id.in_(ids)))
    return {row.id: row.version for row in rows}


def find_flow(
    connection: Connection,
    name: str,
    *,
    namespace: str | None = None,
    origin: str | None = None,
    namespaces: Collection[str] | None = None,
) -> FlowInfo | None:
    """The newest flow of that name."""
    query = select(*columns_of(Flow, FlowInfo)).where(Flow.name == name)
    where = FlowFilter(namespace=namespace, origin=origin, namespaces=namespaces)
    query = _where(query, where)
    row = connection.execute(query.order_by(Flow.created.desc()).limit(1)).first()
    return FlowInfo(*row) if row else None


def namespaces(connection: Connection, origin: str) -> list[str]:
    """The namespaces that have flows, by name."""
    query = select(Flow.namespace).where(Flow.origin == origin).distinct()
    return sorted(connection.execute(query).scalars())


def document(connection: Connection, id: str) -> dict[str, Any] | None:
    """A flow as it was last seen: apiVersion, kind, metadata, spec. None if it was too long."""
    text = connection.execute(select(Document.document).where(Document.flow_id == id)).scalar()
    try:
        found: dict[str, Any] | None = None if text is None else json.loads(text)
    except ValueError:  # cut
        return None
    return found


def runs(connection: Connection, flow_id: str) -> list[RunInfo]:
    """The runs of a flow, the newest first."""
    query = select(*columns_of(Run, RunInfo)).where(Run.flow_id == flow_id)
    return [RunInfo(*row) for row in connection.execute(query.order_by(Run.run.desc()))]


def steps(connection: Connection, flow_id: str, *, run: int | None = None) -> list[StepInfo]:
    """The steps of a run, by default the newest, as the flow has them."""
    query = select(*columns_of(Step, StepInfo)).where(Step.flow_id == flow_id, _of_run(Step, run))
    rows = connection.execute(query.order_by(Step.position, Step.step))
    return [StepInfo(*row) for row in rows]


def step_page(
    connection: Connection,
    flow_id: str,
    *,
    run: int | None = None,
    phase: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page[StepInfo]:
    """The same in parts; `phase` leaves the others out."""
    keys = (Step.position, Step.step)
    query = select(*columns_of(Step, StepInfo), *keys)
    query = query.where(Step.flow_id == flow_id, _of_run(Step, run))
    if phase is not None:
        query = query.where(Step.phase == phase)
    return page(connection, query, StepInfo, keys=keys, descending=False, after=after, limit=limit)


def chunkings(
    connection: Connection, flow_id: str, *, run: int | None = None
) -> list[ChunkingInfo]:
    """How the map steps of a run were cut, by name."""
    query = select(*columns_of(Chunking, ChunkingInfo)).where(
        Chunking.flow_id == flow_id, _of_run(Chunking, run)
    )
    return [ChunkingInfo(*row) for row in connection.execute(query.order_by(Chunking.step))]


def _of_run(model: type[Step] | type[Chunking], run: int | None) -> ColumnElement[bool]:
    if run is not None:
        return model.run == run
    newest = select(Flow.run).where(Flow.id == model.flow_id).scalar_subquery()
    return model.run == newest


def summary(
    connection: Connection,
    *,
    since: float,
    until: float,
    namespaces: Collection[str] | None = None,
    origin: str | None = None,
) -> list[DayCount]:
    """How many flows were created each day, by where they stand now."""
    day = cast(func.floor(Flow.created / DAY), Integer)
    if connection.dialect.name == "sqlite":
        day = cast(Flow.created / DAY, Integer)  # which cuts, and may lack floor()
    where = FlowFilter(since=since, until=until, namespaces=namespaces, origin=origin)
    query = _where(select(day.label("day"), Flow.phase, func.count()), where)
    query = query.group_by("day", Flow.phase).order_by("day", Flow.phase)
    return [
        DayCount(float(day * DAY), phase, count) for day, phase, count in connection.execute(query)
    ]
