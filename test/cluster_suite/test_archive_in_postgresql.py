"""The archive in PostgreSQL: the same rows as in SQLite, and nothing lost when it is killed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.errors import UnavailableError
from cluster.postgresql import Server, postgresql
from jobflows.archive import (
    Archive,
    ArchiveError,
    AttemptFilter,
    attempts,
    errors,
    flows,
    log_tail,
    summary,
    usage,
)
from jobflows.archive.contents import contents
from jobflows.archive.exporting import export_csv
from jobflows.archive.models import Base
from jobflows.archive.pruning import prune
from jobflows.archive.words import tail
from unit.archive.rows import all_rows
from unit.archive.samples import START, attempt, failed, flow, kind
from unit.archive.test_hostile_words import ANSI, HALF, HTML, NUL, SQL
from unit.archive.test_replays import FACTS, GONE
from unit.recorder.many import drawn, play_many


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    try:
        with postgresql() as started:
            yield started
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def archive(server: Server) -> Iterator[Archive]:
    with Archive.open(server.url, migrate=True) as opened:
        yield opened
        with opened.writing() as connection:
            for table in Base.metadata.sorted_tables:
                connection.execute(sa.delete(table))


def test_it_has_the_rows_that_sqlite_has(archive: Archive, tmp_path: Path) -> None:
    with Archive.open(f"sqlite:///{tmp_path}/archive.db", migrate=True) as other:
        other.write(FACTS)
        for start, end in pairwise(range(0, len(FACTS) + 4, 4)):
            archive.write(reversed(FACTS[start:end]))
        archive.write(FACTS)
        archive.write(GONE)
        assert all_rows(archive) == all_rows(other)
        with archive.reading() as one, other.reading() as two:
            assert errors(one) == errors(two)
            assert usage(one, kind().id) == usage(two, kind().id)
            assert flows(one, limit=1) == flows(two, limit=1)
            assert summary(one, since=0, until=4e9) == summary(two, since=0, until=4e9)
            assert contents(one).rows == contents(two).rows
            everywhere = AttemptFilter(namespaces={"lab"})
            first = attempts(one, everywhere, limit=2)
            assert first == attempts(two, everywhere, limit=2)
            assert attempts(one, everywhere, after=first.next) == attempts(
                two, everywhere, after=first.next
            )


@pytest.mark.parametrize("words", [SQL, HTML, ANSI, HALF, NUL, "x" * 1_000_000])
def test_it_takes_any_words(archive: Archive, words: str) -> None:
    archive.write([failed(words, reason=words[:99], log_tail=tail(words))])
    with archive.reading() as connection:
        assert log_tail(connection, "f1", "fit", 1) == tail(words)


def test_two_writers_of_the_same_rows_do_not_stop_each_other(archive: Archive) -> None:
    facts = [attempt(flow_id=f"f{n}", attempt=k) for n in range(40) for k in range(5)]
    troubles: list[Exception] = []

    def write(order: int) -> None:
        try:
            for _ in range(10):
                archive.write(facts[::order])
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
            troubles.append(error)

    threads = [threading.Thread(target=write, args=(order,)) for order in (1, -1, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    with archive.reading() as connection:
        assert contents(connection).rows["attempts"] == len(facts)


def test_two_that_make_the_tables_make_them_once(server: Server) -> None:
    with Archive.open(server.url, migrate=True) as one:
        with one.writing() as connection:
            Base.metadata.drop_all(connection)
            connection.execute(sa.text("DROP TABLE alembic_version"))
        opened: list[Archive] = []
        threads = [
            threading.Thread(target=lambda: opened.append(Archive.open(server.url, migrate=True)))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(opened) == 3
        for each in opened:
            each.close()


def test_a_server_that_is_killed_has_all_or_nothing_and_goes_on(
    archive: Archive, server: Server
) -> None:
    archive.write([flow("f1"), attempt()])
    server.stop()
    with pytest.raises(ArchiveError, match="does not answer"):
        archive.write([attempt(attempt=2)])
    server.start()
    assert archive.write([attempt(attempt=2), attempt()]) == 2
    with archive.reading() as connection:
        found = attempts(connection, AttemptFilter(flow_id="f1")).items
    assert [each.attempt for each in found] == [1, 2]


def test_it_is_what_the_ledgers_are_though_it_is_killed_at_any_statement(
    archive: Archive, server: Server
) -> None:
    assert play_many(archive, 40, drawn(), server) == []


def test_it_is_exported_and_pruned(archive: Archive, tmp_path: Path) -> None:
    archive.write([flow(phase="Failed", finished=START), *FACTS[-5:], *GONE])
    with archive.reading() as connection, (tmp_path / "out.csv").open("w") as out:
        assert export_csv(connection, out) == 5
    with archive.writing() as connection:
        connection.execute(sa.text("UPDATE flows SET deleted = finished"))
    assert prune(archive, before=START + 1, now=START + 2) == 1
    assert not any(rows for name, rows in all_rows(archive).items() if name != "flows")
