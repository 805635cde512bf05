"""Where time went: in attempts that succeeded, and in those that failed, by cause."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from jobflows.archive.attempt_queries import kinds_within
from jobflows.archive.models import Attempt, Kind

NEWEST = 50_000
"""Attempts that are looked at across flows."""

UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Cost:
    """Attempts of one sort: how many, and the seconds that they ran."""

    attempts: int = 0
    seconds: float = 0.0

    def plus(self, attempts: int, seconds: float) -> Cost:
        return Cost(self.attempts + attempts, self.seconds + seconds)


@dataclass(slots=True)
class Spent:
    """What went where. `lost` is by cause."""

    name: str
    kind_id: str = ""
    family: str = ""
    """Where steps that are alike are: the namespace and what repeats."""
    useful: Cost = Cost()
    running: Cost = Cost()
    lost: dict[str, Cost] = field(default_factory=dict)

    @property
    def lost_seconds(self) -> float:
        return sum(cost.seconds for cost in self.lost.values())

    @property
    def lost_attempts(self) -> int:
        return sum(cost.attempts for cost in self.lost.values())

    @property
    def seconds(self) -> float:
        return self.useful.seconds + self.running.seconds + self.lost_seconds

    @property
    def attempts(self) -> int:
        return self.useful.attempts + self.running.attempts + self.lost_attempts

    @property
    def worst(self) -> str:
        """The cause that took most time."""
        return max(self.lost, key=lambda cause: self.lost[cause].seconds, default="")

    def add(self, phase: str, cause: str, attempts: int, seconds: float) -> None:
        if phase == "Succeeded":
            self.useful = self.useful.plus(attempts, seconds)
        elif phase == "Running":
            self.running = self.running.plus(attempts, seconds)
        else:
            name = cause or ("Lost" if phase == "Lost" else UNKNOWN)
            self.lost[name] = self.lost.get(name, Cost()).plus(attempts, seconds)


def of_flow(connection: Connection, flow: str, now: float) -> dict[str, Spent]:
    """By step."""
    took = func.sum(func.coalesce(Attempt.finished, now) - Attempt.started)
    asked = (
        select(Attempt.step, Attempt.phase, Attempt.cause, func.count(), took)
        .where(Attempt.flow_id == flow)
        .group_by(Attempt.step, Attempt.phase, Attempt.cause)
    )
    found: dict[str, Spent] = {}
    for step, phase, cause, count, seconds in connection.execute(asked):
        spent = found.setdefault(step, Spent(step))
        spent.add(phase, cause, count, max(0.0, seconds or 0.0))
    return found


def of_kinds(
    connection: Connection,
    *,
    origin: str | None = None,
    namespaces: Collection[str] | None = None,
    since: float = 0.0,
) -> list[Spent]:
    """By kind, of the newest attempts that have ended; what lost or took most comes first."""
    newest = (
        select(
            Attempt.kind_id,
            Attempt.phase,
            Attempt.cause,
            (Attempt.finished - Attempt.started).label("seconds"),
        )
        .where(Attempt.finished >= since)
        .order_by(Attempt.finished.desc())
        .limit(NEWEST)
    )
    if origin is not None or namespaces is not None:
        newest = newest.where(Attempt.kind_id.in_(kinds_within(origin, namespaces)))
    some = newest.subquery()
    asked = select(
        some.c.kind_id, some.c.phase, some.c.cause, func.count(), func.sum(some.c.seconds)
    )
    found: dict[str, Spent] = {}
    for kind, phase, cause, count, seconds in connection.execute(
        asked.group_by(some.c.kind_id, some.c.phase, some.c.cause)
    ):
        spent = found.setdefault(kind, Spent("", kind))
        spent.add(phase, cause, count, max(0.0, seconds or 0.0))
    ranked = sorted(found.values(), key=lambda s: (-s.lost_seconds, -s.seconds))[:200]
    names = select(Kind.id, Kind.namespace, Kind.family, Kind.name)
    asked_names = names.where(Kind.id.in_([spent.kind_id for spent in ranked]))
    named = {kind: words for kind, *words in connection.execute(asked_names)}
    for spent in ranked:
        *where, spent.name = named.get(spent.kind_id, [spent.kind_id])
        spent.family = " / ".join(word for word in where if word)
    return ranked
