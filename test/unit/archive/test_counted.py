"""Tasks that only a Job or a status has counted: a row each, and never two."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from jobflows.archive import Archive, AttemptFilter, Fact, Known, TasksFact, attempts
from jobflows.archive.facts import UNNUMBERED
from jobflows.engine.indexes import IndexSet
from unit.archive.rows import all_rows
from unit.archive.samples import attempt, failed, kind
from unit.archive.test_replays import copied

Found = dict[tuple[int, int], tuple[str, float | None]]


def counted(succeeded: str = "", failed: str = "", **changes: Any) -> TasksFact:
    fields: dict[str, Any] = {
        "flow_id": "f1",
        "step": "fit",
        "attempt": 1,
        "kind": kind(),
        "version": Known.JOB.at(9),
        "run": 1,
        "succeeded": IndexSet.parse(succeeded),
        "failed": IndexSet.parse(failed),
        "message": "gone",
    }
    return TasksFact(**fields | changes)


def found(archive: Archive) -> Found:
    with archive.reading() as connection:
        rows = attempts(connection, AttemptFilter(flow_id="f1")).items
    return {(row.attempt, row.task): (row.phase, row.seconds) for row in rows}


def test_what_a_pod_has_told_is_not_told_again(archive: Archive) -> None:
    archive.write([attempt(task=1)])
    assert archive.write([counted("0-2", "3")]) == 3
    assert archive.write([counted("0-2", "3")]) == 0
    assert found(archive) == {
        (1, 0): ("Succeeded", None),
        (1, 1): ("Succeeded", 10),
        (1, 2): ("Succeeded", None),
        (1, 3): ("Failed", None),
    }


def test_a_pod_that_tells_later_says_more(archive: Archive) -> None:
    archive.write([counted(failed="0")])
    archive.write([failed("no luck", task=0)])
    assert found(archive) == {(1, 0): ("Failed", 10)}


STATUS = counted("0-1", "2", attempt=UNNUMBERED, version=Known.STATUS.at(9))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (
            [attempt(task=0, attempt=3), failed(task=0, attempt=2)],
            {(2, 0), (3, 0), (0, 1), (0, 2)},
        ),
        ([counted("1", attempt=4), attempt(task=0, attempt=5)], {(5, 0), (4, 1), (0, 2)}),
        ([counted("0-1", "2", attempt=2)], {(2, 0), (2, 1), (2, 2)}),
    ],
)
def test_a_number_that_is_known_is_used_whatever_comes_first(
    empty: Path, known: list[Fact], expected: set[tuple[int, int]]
) -> None:
    tables = []
    for order in permutations([STATUS, *known]):
        with copied(empty) as archive:
            for fact in order:
                archive.write([fact])
            assert found(archive).keys() == expected
            tables.append(all_rows(archive)["attempts"])
    assert all(rows == tables[0] for rows in tables)


def test_the_attempt_that_was_seen_to_run_is_the_one_that_a_status_counts(
    archive: Archive,
) -> None:
    archive.write([attempt(task=1, attempt=7, phase="Running", version=Known.RUNNING.at(3))])
    archive.write([STATUS])
    assert {key: phase for key, (phase, _) in found(archive).items()} == {
        (0, 0): "Succeeded",
        (7, 1): "Succeeded",
        (0, 2): "Failed",
    }
