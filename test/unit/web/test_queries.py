"""Sums over attempts that only pages ask for."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from jobflows.archive import Archive, AttemptFact, KindOf, Known
from jobflows.web.queries import costs, counts, running
from unit.web.archives import NOW

KIND = KindOf(origin="cluster", namespace="lab", family="f", name="fit")


def attempts(*spans: tuple[float, float | None, str, str]) -> list[AttemptFact]:
    return [
        AttemptFact(
            flow_id="f",
            step="fit",
            attempt=1,
            task=task,
            kind=KIND,
            version=Known.POD.at(1),
            started=NOW + start,
            finished=None if end is None else NOW + end,
            phase=phase,
            cause=cause,
        )
        for task, (start, end, phase, cause) in enumerate(spans)
    ]


def ask_all(connection: Connection) -> None:
    """The questions, over attempts whose answers are known; also for PostgreSQL."""
    buckets = running.over_time(connection, "f", NOW + 240)
    assert buckets is not None
    assert (buckets.since, buckets.seconds, buckets.count) == (NOW, 1.0, 240)
    assert buckets.started == {0: 1, 10: 1, 100: 1}
    assert buckets.ended == {20: 1, 50: 1}
    assert buckets.failed == {50: 1}
    assert buckets.most == 2
    spent = costs.of_flow(connection, "f", NOW + 240)["fit"]
    assert (spent.useful.seconds, spent.running.seconds) == pytest.approx((20.5, 140))
    assert spent.lost["OutOfMemory"].seconds == pytest.approx(40)
    assert (spent.worst, spent.attempts) == ("OutOfMemory", 3)
    (kind,) = costs.of_kinds(connection)
    assert (kind.family, kind.name, kind.attempts) == ("lab / f", "fit", 2)
    assert costs.of_kinds(connection, since=NOW + 1000) == []
    assert costs.of_kinds(connection, namespaces=["other"]) == []
    assert counts.by_phase(connection, "f", "fit") == {"Succeeded": 1, "Failed": 1, "Running": 1}
    assert running.over_time(connection, "f", NOW, step="other") is None


FACTS = attempts(
    (0, 20.5, "Succeeded", ""), (10.2, 50.2, "Failed", "OutOfMemory"), (100, None, "Running", "")
)


def test_sums_are_right(tmp_path: object) -> None:
    with Archive.open(f"sqlite:///{tmp_path}/archive.db", migrate=True) as archive:
        archive.write(FACTS)
        with archive.reading() as connection:
            ask_all(connection)
