"""The archive is what the ledgers are, whatever happens. `make test-archive` plays other seeds."""

from __future__ import annotations

import math
import os

import pytest
import sqlalchemy as sa

from cluster_suite.flows import flow, sim, step
from jobflows.archive import Archive, ArchiveError
from unit.archive.rows import all_rows
from unit.archive.test_replays import FACTS, GONE
from unit.controller.stage import Stage
from unit.recorder.comparing import differences
from unit.recorder.many import Database, play_many
from unit.recorder.test_recording import JOBFLOWS, watch
from unit.recorder.watched import Watcher

EACH = 100
"""Flows of one seed, at most."""

FLOWS = int(os.environ.get("FLOWS", "24"))
SEED = int(os.environ.get("SEED", "0"))
SEEDS = range(SEED, SEED + math.ceil(FLOWS / EACH))


@pytest.mark.parametrize("seed", SEEDS)
def test_many_flows_are_archived_as_they_were(archive: Archive, seed: int) -> None:
    assert play_many(archive, min(FLOWS, EACH), seed) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DELETE FROM flows", ["f: is missing", "0 flows in the archive, 1 ledgers"]),
        ("DELETE FROM attempts WHERE task = 2", ["f: many: tasks succeeded: archived '0-1'"]),
        ("DELETE FROM attempts WHERE step = 'a'", ["f: attempts made", "f: a: failures 1"]),
        (
            "UPDATE attempts SET attempt = 7 WHERE step = 'a'",
            ["f: attempts", "f: a: failures"],
        ),
        (
            "UPDATE steps SET phase = 'Running' WHERE step = 'a'",
            ["f: a: step phase"],
        ),
        ("UPDATE flows SET finished = 1", ["f: flow finished: archived 1.0"]),
    ],
)
def test_what_is_not_the_same_is_told(archive: Archive, change: str, words: list[str]) -> None:
    async def scenario(stage: Stage, watcher: Watcher) -> None:
        await stage.apply(flow("f", step("many", array={"count": 3}), step("a", pod=sim("fail"))))
        await stage.ended("f")
        await watcher.caught_up()

    stage = watch(archive, scenario)
    ledgers = stage.server.objects(JOBFLOWS)
    assert differences(ledgers, stage.jobs_made, archive) == []
    with archive.writing() as connection:
        connection.execute(sa.text(change))
    told = differences(ledgers, stage.jobs_made, archive)
    for start in words:
        assert any(each.startswith(start) for each in told), told


def test_a_write_that_breaks_at_any_statement_changes_nothing(archive: Archive) -> None:
    archive.write(FACTS[:4])
    before = all_rows(archive)
    database = Database(archive)
    while _breaks(archive, database):
        assert all_rows(archive) == before
    assert database.broken > 8, "a table has a statement of its own"
    assert all_rows(archive) != before


def _breaks(archive: Archive, database: Database) -> bool:
    """Write, and break one statement further than before."""
    database.seen, database.at = 0, database.broken + 1
    try:
        archive.write([*FACTS, *GONE])
    except ArchiveError:
        return True
    finally:
        database.at = -1
    return False
