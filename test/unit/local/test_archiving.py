"""Runs of this machine are taken into the archive, and no trouble with it fails a run."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobflows.archive import (
    Archive,
    AttemptFilter,
    attempts,
    chunkings,
    document,
    flows,
    log_tail,
    runs,
    steps,
)
from jobflows.archive.pruning import prune
from jobflows.local import Outcome, Store, start
from jobflows.local.archiving import archive_url, catch_up
from unit.archive.rows import all_rows
from unit.local.local_runs import document as flow_of
from unit.local.local_runs import step

FLOW = flow_of(
    step("good", "echo fine"),
    step("flaky", "echo oh no; exit 3", retryPolicy={"limit": 1, "backoff": {"duration": "10ms"}}),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an archive, and one run that was recorded while it was there."""
    home = tmp_path_factory.mktemp("home")
    Archive.open(archive_url(home, {}), migrate=True).close()
    outcome = _run(home)
    assert outcome.unarchived == ""
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "home")


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    with Archive.open(archive_url(home, {})) as opened:
        yield opened


def _run(home: Path) -> Outcome:
    return start(FLOW, home=home, environment={"PATH": "/usr/bin:/bin"})


def test_a_run_is_in_the_archive_when_it_has_ended(archive: Archive) -> None:
    with archive.reading() as connection:
        (flow,) = flows(connection).items
        tried = attempts(connection, AttemptFilter(flow_id=flow.id)).items
        assert log_tail(connection, flow.id, "flaky", 2) == "oh no\n"
        assert log_tail(connection, flow.id, "good", 1) is None
        assert [each.phase for each in steps(connection, flow.id)] == ["Succeeded", "Failed"]
        assert [each.phase for each in runs(connection, flow.id)] == ["Failed"]
        assert chunkings(connection, flow.id) == []
        kept = document(connection, flow.id)
    assert (flow.origin, flow.name, flow.family, flow.phase) == (
        "local",
        "flow-1",
        "flow",
        "Failed",
    )
    assert kept is not None
    assert len(kept["spec"]["steps"]) == 2
    assert [(each.step, each.attempt, each.exit_code) for each in tried] == [
        ("flaky", 1, 3),
        ("flaky", 2, 3),
        ("good", 1, 0),
    ]
    assert all(each.seconds is not None for each in tried)


def test_the_archive_says_what_the_store_says(home: Path, archive: Archive) -> None:
    with Store.open(home) as store:
        stored = store.run("flow-1")
        ledger, ended = stored.ledger(), stored.attempts()
    with archive.reading() as connection:
        (flow,) = flows(connection).items
        kept = attempts(connection, AttemptFilter(flow_id=flow.id)).items
        taken = steps(connection, flow.id)
    assert [each.attempts for each in taken] == [each.attempt for each in ledger.steps]
    assert [each.finished for each in taken] == [each.finished for each in ledger.steps]
    told = {
        (each.step, each.attempt): (each.phase, each.cause, each.peak_memory, each.cpu_seconds)
        for each in kept
    }
    assert told == {
        (each.step, each.attempt): (each.phase, each.cause, each.peak_memory, each.cpu_seconds)
        for each in ended
    }


def test_taking_it_in_again_changes_nothing(home: Path, archive: Archive) -> None:
    before = all_rows(archive)
    assert catch_up(archive, home) == 0
    with archive.writing() as connection:
        connection.exec_driver_sql("UPDATE flows SET version = 0")
    assert catch_up(archive, home) == 1
    assert all_rows(archive) == before


def test_runs_from_before_the_archive_are_taken_in(home: Path, archive: Archive) -> None:
    before = all_rows(archive)
    with archive.writing() as connection:
        for table in before:
            connection.exec_driver_sql(f"DELETE FROM {table}")
    assert catch_up(archive, home) == 1
    assert all_rows(archive) == before


def test_what_was_pruned_stays_away(home: Path, archive: Archive) -> None:
    assert prune(archive, before=4e9, now=5e9) == 1
    assert prune(archive, before=4e9, now=6e9) == 0
    assert catch_up(archive, home) == 0
    found = all_rows(archive)
    assert {name for name, rows in found.items() if rows} == {"flows"}


def test_without_an_archive_none_is_made(tmp_path: Path) -> None:
    outcome = start(flow_of(step("a")), home=tmp_path, environment={"PATH": "/usr/bin:/bin"})
    assert outcome.succeeded
    assert outcome.unarchived == ""
    assert not (tmp_path / "archive.db").exists()


def test_a_broken_archive_fails_no_run_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "archive.db").write_bytes(b"no database at all" * 100)
    outcome = start(flow_of(step("a")), home=tmp_path, environment={"PATH": "/usr/bin:/bin"})
    assert outcome.succeeded
    assert "archive.db does not answer" in outcome.unarchived


def test_what_a_locked_archive_missed_comes_with_the_next_run(
    home: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobflows.archive.store.PATIENCE", 0.05)
    other = sqlite3.connect(home / "archive.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "locked" in _run(home).unarchived
    other.execute("ROLLBACK")
    other.close()
    assert _run(home).unarchived == ""
    with archive.reading() as connection:
        assert [each.name for each in flows(connection).items] == ["flow-3", "flow-2", "flow-1"]
