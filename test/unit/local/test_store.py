"""The store: where it is, what it tells, and what it says when it cannot be used."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import pytest

from jobflows.alone import alone
from jobflows.engine import FlowPhase, read_status
from jobflows.local import Store, StoreError, data_home, prepare, start
from jobflows.local.trouble import said
from unit.local.local_runs import container, document, step


@pytest.mark.parametrize(
    ("environ", "home"),
    [
        ({"JOBFLOW_HOME": "/data/flows", "XDG_DATA_HOME": "/x"}, "/data/flows"),
        ({"XDG_DATA_HOME": "/x"}, "/x/jobflows"),
        ({}, str(Path.home() / ".local" / "share" / "jobflows")),
    ],
)
def test_where_runs_are(environ: dict[str, str], home: str) -> None:
    assert str(data_home(environ)) == home


def test_reading_makes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Store.open(home) as store:
        assert not store.exists
        assert store.runs() == []
        assert store.find("x") is None
    assert not home.exists()


def test_what_is_stored_is_for_its_owner(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    ended = start(document(step("a")), home=tmp_path)
    assert (tmp_path / "runs.db").stat().st_mode & 0o077 == 0
    assert ended.workdir.stat().st_mode & 0o077 == 0


def test_what_asyncio_shows_of_an_outcome_is_short(tmp_path: Path) -> None:
    """It takes the text of each result, and the ledger of a large flow would take seconds."""
    assert len(repr(start(document(step("a")), home=tmp_path))) < 1000


def test_a_run_is_told_in_full(tmp_path: Path) -> None:
    asks = {"limits": {"memory": "64Mi", "cpu": "1500m"}, "requests": {"memory": "32Mi"}}
    work = container("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done", resources=asks)
    flow = document(
        step("a", containers=[work, container("exit 0", "side")]),
        step("tasks", "[ {{ task.index }} != 1 ] || exit 7", array={"count": 2}),
    )
    ended = start(flow, home=tmp_path / "home", parallelism=1)
    with Store.open(tmp_path / "home") as store:
        run = store.run(ended.name)
        info, (first, good, bad) = run.info, run.attempts()
        assert (info.phase, info.flow, info.completed, info.total) == (
            FlowPhase.FAILED,
            "flow",
            2,
            2,
        )
        assert info.started is not None
        assert info.started <= first.started
        assert run.status() == ended.status() | {"estimatedCompletionTime": None}
        assert read_status(run.flow(), run.status()) == run.ledger()
        logs = run.logs("a", 1)
        assert [file.name for file in logs] == ["main.log", "side.log"]
        assert run.logs("a", 1, container="side") == logs[1:]
        assert run.logs("tasks", bad.attempt) == [bad.log / "main.log"]
        assert run.attempts("tasks", task=1) == [bad]
    assert (first.task, first.phase, first.exit_code) == (None, "Succeeded", 0)
    assert (first.memory, first.memory_request, first.cpu) == (64 << 20, 32 << 20, 1500)
    assert first.cpu_seconds is not None
    assert first.cpu_seconds > 0
    assert (good.task, good.phase, bad.task) == (0, "Succeeded", 1)
    assert (bad.phase, bad.cause, bad.exit_code) == ("Failed", "Application", 7)
    assert bad.finished is not None
    assert bad.finished >= bad.started


def test_the_status_beside_the_logs_is_the_same(tmp_path: Path) -> None:
    ended = start(document(step("a"), step("b", "exit 1")), home=tmp_path)
    written = json.loads((ended.workdir / "status.json").read_text())
    assert written == {k: v for k, v in ended.status().items() if v is not None}


def test_a_file_that_is_no_database_is_refused_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("this is not what it seems " * 1000)
    words = r"runs.db is damaged .*start anew: `mv .*runs.db .*runs.db.damaged`"
    with pytest.raises(StoreError, match=words):
        Store.open(tmp_path)
    with pytest.raises(StoreError, match=words):
        start(document(step("a")), home=tmp_path)


def test_a_file_with_a_damaged_page_is_refused_with_a_cure(tmp_path: Path) -> None:
    start(document(step("a")), home=tmp_path)
    file = tmp_path / "runs.db"
    with Store.open(tmp_path) as store:
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    with Store.open(tmp_path) as store, pytest.raises(StoreError, match="damaged"):
        store.runs()


def test_a_file_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    start(document(step("a")), home=tmp_path)
    with Store.open(tmp_path) as store:
        store.connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="written by a later release"):
        Store.open(tmp_path)


def test_a_home_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be written: .*JOBFLOW_HOME=/a/directory"):
        start(document(step("a")), home=tmp_path / "file" / "home")
    (tmp_path / "home" / "runs.db").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"no permission for .*JOBFLOW_HOME=/a/directory"):
        start(document(step("a")), home=tmp_path / "home")


@pytest.mark.parametrize(
    ("pragma", "words"),
    [("query_only = ON", "no permission"), ("max_page_count = 1", "the disk is full")],
)
def test_trouble_has_a_cure(tmp_path: Path, pragma: str, words: str) -> None:
    start(document(step("a")), home=tmp_path)
    flow = document(step("a"), parameters=[{"name": "large", "value": "x" * 1_000_000}])
    with Store.open(tmp_path) as store:
        store.connection.execute(f"PRAGMA {pragma}")
        with pytest.raises(StoreError, match=f"{words}.*JOBFLOW_HOME"):
            store.run("flow").change(lambda _: flow)


def test_another_program_that_writes_for_too_long_is_named(tmp_path: Path) -> None:
    start(document(step("a")), home=tmp_path)
    with Store.open(tmp_path) as one, Store.open(tmp_path) as two, one.writing():
        two.connection.execute("PRAGMA busy_timeout = 1")
        with pytest.raises(StoreError, match="locked by another program"), two.writing():
            pass
    with pytest.raises(sqlite3.IntegrityError), said(tmp_path):
        raise sqlite3.IntegrityError


def test_who_finds_tables_being_made_waits_until_they_are(tmp_path: Path) -> None:
    """The other one has begun its transaction, at which SQLite does not wait to change the way of
    logging: somebody who looked in at the beginning of the very first run ended it."""
    other = sqlite3.connect(tmp_path / "runs.db", isolation_level=None)
    with closing(other), ThreadPoolExecutor(1) as pool:
        with alone(tmp_path):
            other.execute("BEGIN IMMEDIATE")
            opened = pool.submit(_count_runs, tmp_path)
            assert wait([opened], timeout=0.1).not_done
            other.execute("COMMIT")
        assert opened.result() == 0


def _count_runs(home: Path) -> int:
    with Store.open(home, create=True) as store:
        return len(store.runs())


def test_a_disk_that_fills_up_takes_the_record_and_not_the_run(tmp_path: Path) -> None:
    talks = "head -c 4000 /dev/zero | tr '\\0' x > /dev/termination-log"
    flow = document(step("a", talks), step("b", talks, dependencies=["a"]), step("c", talks))
    session = prepare(flow, home=tmp_path)
    session._store.connection.execute("PRAGMA max_page_count = 1")  # no page more
    ended = asyncio.run(session.run())
    assert ended.succeeded
    assert "the disk is full" in ended.problem
    with Store.open(tmp_path) as store:
        assert not store.run(ended.name).info.phase.terminal
