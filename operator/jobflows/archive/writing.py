"""Facts become rows: in batches, in any order, and as often as anybody likes.

Each row keeps the newest of what was said of it, by `version`; so a replay, a restart or a second
recorder changes nothing. Three things have rules of their own: what an attempt asked for never
changes, so whoever knows it says it; what it used only grows, among figures of who measured best;
and of the messages that are one error the first by the alphabet is its sample, whoever was first by
the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import BigInteger, Connection, Insert, Integer, Table, case, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ColumnElement

from jobflows.api.status import Cause
from jobflows.archive.counted import drop_unnumbered, missing
from jobflows.archive.facts import (
    UNNUMBERED,
    AttemptFact,
    Fact,
    FlowFact,
    GoneFact,
    KindOf,
    MeasuredBy,
    TasksFact,
)
from jobflows.archive.fingerprint import fingerprint, telling_line
from jobflows.archive.labels import write_labels
from jobflows.archive.models import (
    NO_TASK,
    Attempt,
    Base,
    Chunking,
    Document,
    Error,
    Flow,
    Kind,
    Log,
    Run,
    Step,
)
from jobflows.archive.words import shown

Row = dict[str, Any]

_ASKED = ("memory", "memory_request", "cpu")
_USED = ("peak_memory", "cpu_seconds")


def write(connection: Connection, facts: Iterable[Fact]) -> int:
    """Write facts in the transaction of `connection`. Returns how many attempts were among them."""
    rows, counted = _Rows(), list[TasksFact]()
    for fact in facts:
        match fact:
            case AttemptFact():
                rows.attempt(fact)
            case FlowFact():
                rows.flow(fact)
            case TasksFact():
                counted.append(fact)
            case GoneFact():
                rows.gone[fact.flow_id] = min(fact.at, rows.gone.get(fact.flow_id, fact.at))
    rows.write(connection)
    return rows.attempts + sum(_write_counted(connection, fact) for fact in counted)


def _write_counted(connection: Connection, fact: TasksFact) -> int:
    """After what pods tell: only what nobody has seen is missing."""
    rows = _Rows()
    for each in missing(connection, fact):
        rows.attempt(each)
    rows.write(connection)
    return rows.attempts


class _Rows:
    """The rows of one batch, by table."""

    def __init__(self) -> None:
        self.gone: dict[str, float] = {}
        self.attempts = 0
        self._arrays: set[tuple[str, str]] = set()
        self._kinds: dict[str, KindOf] = {}
        self._rows: dict[type[Base], list[Row]] = {}

    def flow(self, fact: FlowFact) -> None:
        self._add(Flow, fact.flow)
        self._add(Run, fact.run)
        for step in fact.steps:
            self._add(Step, step)
        for chunking in fact.chunkings:
            self._add(Chunking, chunking)
        if fact.document is not None:
            self._add(Document, fact.document)
        self._kinds.update((kind.id, kind) for kind in fact.kinds)

    def attempt(self, fact: AttemptFact) -> None:
        self.attempts += 1
        kind_id = fact.kind.id
        self._kinds[kind_id] = fact.kind
        row = {name: getattr(fact, name) for name in _ATTEMPT_COLUMNS}
        row["kind_id"] = kind_id
        row["error_id"] = self._error(fact) if fact.phase == "Failed" else None
        self._add(Attempt, row)
        if fact.task != NO_TASK and fact.attempt != UNNUMBERED:
            self._arrays.add((fact.flow_id, fact.step))
        if fact.log_tail is not None:
            key = {name: row[name] for name in ("flow_id", "step", "attempt", "task", "version")}
            self._add(Log, key | {"tail": fact.log_tail})

    def write(self, connection: Connection) -> None:
        """One statement a table; rows by key, so that two writers never wait for each other."""
        for id, kind in self._kinds.items():
            names = ("origin", "namespace", "family", "name")
            self._add(Kind, {"id": id, **{name: getattr(kind, name) for name in names}})
        write_labels(connection, self._rows.get(Document, ()), self._rows.get(Flow, ()))
        for model in _ORDER:
            rows = self._rows.get(model)
            if rows:
                table: Table = model.__table__  # type: ignore[assignment] # a Table, says the mapper
                keys = [column.name for column in table.primary_key]
                rows.sort(key=lambda row: [row[key] for key in keys])
                connection.execute(_STATEMENTS[connection.dialect.name][model], rows)
        for flow_id, step in sorted(self._arrays):
            drop_unnumbered(connection, flow_id, step)
        for flow_id, at in sorted(self.gone.items()):
            table = Flow.__table__  # type: ignore[assignment] # the same
            unknown = table.c.deleted.is_(None) | (table.c.deleted > at)
            change = table.update().where(table.c.id == flow_id, unknown)
            connection.execute(change, {"deleted": at})

    def _error(self, fact: AttemptFact) -> str:
        """A program's own failure is told by its last line, any other by what was seen."""
        said = telling_line(fact.log_tail or "") if fact.cause == Cause.APPLICATION else ""
        found = fingerprint(fact.cause, said or fact.message or fact.reason)
        row = {"id": found.id, "cause": fact.cause, "pattern": found.pattern}
        self._add(Error, row | {"sample": found.sample})
        return found.id

    def _add(self, model: type[Base], row: Mapping[str, Any]) -> None:
        limits = _LIMITS[model]
        made = {name: _fit(name, value, limits) for name, value in row.items()}
        self._rows.setdefault(model, []).append(made)


def _fit(name: str, value: Any, limits: Mapping[str, int]) -> Any:
    """A value as its column holds it: one row that cannot be written would keep all from it."""
    if isinstance(value, str):
        return shown(value, _LENGTHS.get(name, 2048))
    if isinstance(value, int) and name in limits:
        most = limits[name]
        return max(-most, min(value, most))
    return value


_LENGTHS = {"document": 1 << 22, "tasks": 1 << 20, "outputs": 1 << 20, "tail": 4096}

_ORDER: tuple[type[Base], ...] = (
    *(Kind, Error, Flow, Document, Run, Step, Chunking, Attempt, Log),
)

_LIMITS = {
    model: {
        column.name: (1 << 63 if isinstance(column.type, BigInteger) else 1 << 31) - 1
        for column in model.__table__.columns
        if isinstance(column.type, Integer)
    }
    for model in _ORDER
}

_ATTEMPT_COLUMNS = tuple(
    column.name
    for column in Attempt.__table__.columns
    if column.name not in ("kind_id", "error_id")
)


def _upsert(model: type[Base], dialect: str) -> Insert:
    table: Table = model.__table__  # type: ignore[assignment] # a Table, says the mapper
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if column.name not in keys]
    given = insert.excluded
    if model is Kind:
        return insert.on_conflict_do_nothing()
    if model is Error:
        smaller = given.sample < table.c.sample
        return insert.on_conflict_do_update(
            index_elements=keys, set_={"sample": given.sample}, where=smaller
        )
    newer = given.version > table.c.version
    if model is not Attempt:
        kept: dict[str, Any] = {name: given[name] for name in others if name != "deleted"}
        return insert.on_conflict_do_update(index_elements=keys, set_=kept, where=newer)
    changed: dict[str, Any] = {
        name: case((newer, given[name]), else_=table.c[name]) for name in others
    }
    for name in _ASKED:
        changed[name] = func.coalesce(table.c[name], given[name])
    before, now = _trust(table.c.measured_by), _trust(given.measured_by)
    changed["measured_by"] = case((now > before, given.measured_by), else_=table.c.measured_by)
    for name in _USED:
        changed[name] = case(
            (now > before, given[name]),
            (now < before, table.c[name]),
            else_=_larger(table.c[name], given[name]),
        )
    return insert.on_conflict_do_update(index_elements=keys, set_=changed)


def _larger(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The larger of two that may be null."""
    return case((func.coalesce(other, -1) > func.coalesce(one, -1), other), else_=one)


def _trust(measured_by: ColumnElement[str]) -> ColumnElement[int]:
    """How far a figure is to be believed, by who measured it."""
    ranks = {str(each): rank for rank, each in enumerate(MeasuredBy)}
    return case(ranks, value=measured_by, else_=0)


_STATEMENTS = {
    dialect: {model: _upsert(model, dialect) for model in _ORDER}
    for dialect in ("sqlite", "postgresql")
}
