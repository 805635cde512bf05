"""An archive as it is opened: SQLite on one machine, PostgreSQL for many writers.

SQLite keeps a write-ahead log, so that pages are read while a recorder writes. A write takes the
file's lock when it begins, and waits for it; a transaction that read first and then had to wait
would fail. An archive of another release is refused with the cure; only a writer that is asked to
(`migrate`) changes tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from jobflows.alone import alone
from jobflows.archive.errors import ArchiveError, UnansweredError
from jobflows.archive.facts import Fact
from jobflows.archive.writing import write

HEAD = "0003"
"""The newest revision in `migrations/`."""

PATIENCE = 10.0
"""Seconds to wait for another writer of the file."""

_WRITES = "jobflows_writes"
_LOCK = 0x6A6F6266
"""Of PostgreSQL, held while tables change."""


class Archive:
    """An open archive. As a context it is closed in the end."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._writers = engine.execution_options(**{_WRITES: True})
        snapshots = {"isolation_level": "REPEATABLE READ"} if engine.name == "postgresql" else {}
        self._readers = engine.execution_options(**snapshots)

    @classmethod
    def open(cls, url: str, *, migrate: bool = False) -> Archive:
        """Open the archive at `url`; `migrate` makes it, or brings its tables up to date.

        Raises `ArchiveError`.
        """
        engine = _engine(url, create=migrate)
        archive = cls(engine)
        try:
            if migrate:
                archive._migrate()
            archive._check()
        except BaseException:
            archive.close()
            raise
        return archive

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A snapshot to query. Raises `ArchiveError` when the database does not answer."""
        with _explained(self), self._readers.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: whole or not at all. Raises `ArchiveError`."""
        with _explained(self), self._writers.begin() as connection:
            yield connection

    def write(self, facts: Iterable[Fact]) -> int:
        """Write facts in one transaction. Returns how many attempts were among them."""
        with self.writing() as connection:
            return write(connection, facts)

    def close(self) -> None:
        """Close its connections."""
        self.engine.dispose()

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check(self) -> None:
        with self.reading() as connection:
            found = _revision(connection)
        if found is None:
            raise ArchiveError(
                f"{self.url} is no archive yet; make it by: jobflow archive init --database URL"
            )
        if found < HEAD:
            raise ArchiveError(
                f"the tables of {self.url} are of an earlier release ({found}, this one has "
                f"{HEAD}); bring them up to date by: jobflow archive init --database URL"
            )
        if found > HEAD:
            raise ArchiveError(
                f"the tables of {self.url} are of a later release ({found}, this one knows {HEAD});"
                " use that release of jobflow, or a newer one"
            )

    def _migrate(self) -> None:
        from alembic import command  # noqa: PLC0415 - only who makes tables needs it
        from alembic.config import Config  # noqa: PLC0415 - the same

        file = self.engine.url.database if self.engine.name == "sqlite" else None
        with alone(Path(file).parent) if file else nullcontext(), self.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            found = _revision(connection)
            if found is not None and found >= HEAD:
                return
            config = Config()
            folder = Path(__file__).parent / "migrations"
            config.set_main_option("script_location", str(folder).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(
        sa.text("SELECT version_num FROM alembic_version")
    ).scalar()
    return found


def _engine(url: str, *, create: bool) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise ArchiveError(
            "that is not the address of an archive; write sqlite:////path/archive.db or "
            "postgresql://user:password@host/database"
        ) from error
    if parsed.drivername == "sqlite":
        return _sqlite(parsed, create=create)
    if parsed.get_backend_name() != "postgresql":
        raise ArchiveError(
            f"an archive is in SQLite or PostgreSQL, not in {parsed.get_backend_name()}"
        )
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if find_spec("psycopg") is None:
        raise ArchiveError("for PostgreSQL install psycopg: pip install 'jobflows[archive]'")
    try:
        return sa.create_engine(parsed, pool_pre_ping=True, pool_size=4)
    except (NoSuchModuleError, ArgumentError) as error:
        raise ArchiveError(f"{parsed.render_as_string()}: {error}") from error


def _sqlite(url: sa.URL, *, create: bool) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise ArchiveError("an archive is a file; write sqlite:////path/archive.db")
    file = Path(url.database)
    if create:
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ArchiveError(f"{file.parent} cannot be made: {error.strerror}") from error
    elif not file.exists():
        raise ArchiveError(f"there is no archive at {file}; make it by: jobflow archive init")
    engine = sa.create_engine(url, connect_args={"timeout": PATIENCE})
    sa.event.listen(engine, "connect", _set_up)
    if create:
        sa.event.listen(engine, "connect", _log_ahead)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # `_begin` says how a transaction begins
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -32000")


def _log_ahead(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _explained(archive: Archive) -> Iterator[None]:
    """The database's words, with where it is. A bad statement is a bug, and stays one."""
    try:
        yield
    except DatabaseError as error:
        if isinstance(error, sa.exc.ProgrammingError | sa.exc.IntegrityError | sa.exc.DataError):
            raise
        why = " ".join(str(error.orig).split())
        raise UnansweredError(f"the archive at {archive.url} does not answer: {why}") from error
    except sa.exc.TimeoutError as error:
        raise UnansweredError(f"the archive at {archive.url} is busy: {error}") from error
