"""An archive is opened, or told why not."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

import jobflows.archive
from jobflows.alone import alone
from jobflows.archive import Archive, ArchiveError, AttemptFilter, attempts, flows
from jobflows.archive.models import Base
from unit.archive.samples import attempt


def test_the_migrations_make_the_tables_of_the_models(archive: Archive) -> None:
    with archive.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_making_it_again_keeps_what_is_there(empty: Path, archive: Archive) -> None:
    Archive.open(str(archive.engine.url), migrate=True).close()
    with archive.reading() as connection:
        assert flows(connection).items == []


def test_an_archive_of_the_first_release_is_brought_up_to_date(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/archive.db"
    config = Config()
    config.set_main_option(
        "script_location", str(Path(jobflows.archive.__file__).parent / "migrations")
    )
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        columns = [column["name"] for column in sa.inspect(connection).get_columns("attempts")]
        for task, peak in ((0, 7), (1, None)):
            row: dict[str, object] = dict.fromkeys(columns, 1)
            row |= {"flow_id": "f1", "task": task, "peak_memory": peak, "cpu_seconds": None}
            values = ", ".join(f":{column}" for column in columns)
            connection.execute(sa.text(f"INSERT INTO attempts VALUES ({values})"), row)
    engine.dispose()
    with Archive.open(url, migrate=True) as archive, archive.reading() as connection:
        found = attempts(connection, AttemptFilter(flow_id="f1")).items
    assert [(each.peak_memory, each.measured_by) for each in found] == [(7, "runtime"), (None, "")]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:////nowhere/at/all.db", "jobflow archive init"),
        ("sqlite://", "is a file"),
        ("nonsense", "postgresql://user"),
        ("mysql://host/db", "not in mysql"),
        ("postgresql://nobody@127.0.0.1:1/none", "does not answer"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_with_the_cure(url: str, words: str) -> None:
    with pytest.raises(ArchiveError, match=words):
        Archive.open(url)


def test_a_password_is_never_told() -> None:
    with pytest.raises(ArchiveError) as caught:
        Archive.open("postgresql://user:geheim@127.0.0.1:1/none")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(("revision", "words"), [("0000", "earlier"), ("9999", "later")])
def test_an_archive_of_another_release_is_refused(
    archive: Archive, revision: str, words: str
) -> None:
    with archive.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    with pytest.raises(ArchiveError, match=words):
        Archive.open(str(archive.engine.url))


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "archive.db"
    file.write_bytes(b"not a database" * 100)
    with pytest.raises(ArchiveError, match="does not answer"):
        Archive.open(f"sqlite:///{file}")


def test_a_database_without_tables_is_told(tmp_path: Path) -> None:
    file = tmp_path / "archive.db"
    sqlite3.connect(file).close()
    with pytest.raises(ArchiveError, match="no archive yet"):
        Archive.open(f"sqlite:///{file}")


def test_a_transaction_that_fails_leaves_nothing(archive: Archive) -> None:
    good, bad = attempt(), replace(attempt(attempt=2), phase=None)  # type: ignore[arg-type] # so
    with pytest.raises(sa.exc.IntegrityError):
        archive.write([good, bad])
    with archive.reading() as connection:
        assert attempts(connection, AttemptFilter(flow_id="f1")).items == []


def test_who_finds_an_archive_being_made_waits_until_it_is(tmp_path: Path) -> None:
    """The other one has begun its transaction, at which SQLite does not wait to log ahead."""
    file = tmp_path / "archive.db"
    other = sqlite3.connect(file, isolation_level=None)
    with closing(other), ThreadPoolExecutor(1) as pool:
        with alone(tmp_path):
            other.execute("BEGIN IMMEDIATE")
            made = pool.submit(Archive.open, f"sqlite:///{file}", migrate=True)
            assert wait([made], timeout=0.2).not_done
            other.execute("COMMIT")
        made.result().close()
