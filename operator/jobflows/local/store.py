"""The runs of this machine, in one SQLite file.

Plain `sqlite3`: it comes with Python, opens in a millisecond, and a run's ledger is four
statements. Write-ahead logging lets anybody read while a runner writes. `synchronous=NORMAL` means
that what is committed outlives the program, however it ends; if the machine loses power, the last
moments may be missing, and what had ended in them is run again.

    runs      one row a run: its name, how it stands in brief
    flows     the JobFlow of each run, as it would stand on a cluster; people steer a run by
              changing its annotations and its spec, and its runner follows (`orders.py`)
    steps     a document a step, the same as in a JobFlow's status
    attempts  one row an attempt, with what it used
"""

from __future__ import annotations

import difflib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from jobflows.alone import alone
from jobflows.api.validation.problems import listed
from jobflows.local.errors import NoSuchRunError, StoreError
from jobflows.local.home import FILE, data_home
from jobflows.local.stored_run import StoredRun
from jobflows.local.trouble import PATIENCE, said

VERSION = 1
"""Of the tables; a file with a higher one was written by a later release."""

MOST_NAMED = 20

SCHEMA = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    flow TEXT NOT NULL,
    created REAL NOT NULL,
    workdir TEXT NOT NULL,
    executor TEXT NOT NULL,
    width INTEGER,
    given TEXT NOT NULL DEFAULT '[]',
    pid INTEGER,
    host TEXT NOT NULL DEFAULT '',
    phase TEXT NOT NULL DEFAULT 'Pending',
    reason TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    started REAL,
    finished REAL,
    completed INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    head TEXT NOT NULL DEFAULT '{}',
    seen INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX runs_by_flow ON runs (flow, number);
CREATE TABLE flows (
    run INTEGER PRIMARY KEY REFERENCES runs (number) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    document TEXT NOT NULL
);
CREATE TABLE steps (
    run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;
CREATE TABLE attempts (
    run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    step TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    task INTEGER,
    phase TEXT NOT NULL,
    cause TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    exit_codes TEXT NOT NULL DEFAULT '{}',
    output TEXT,
    job TEXT NOT NULL DEFAULT '',
    started REAL NOT NULL,
    finished REAL,
    peak_memory INTEGER,
    cpu_seconds REAL,
    memory INTEGER,
    memory_request INTEGER,
    cpu INTEGER,
    ended INTEGER,
    PRIMARY KEY (run, step, attempt)
) WITHOUT ROWID;
"""


class Store:
    """The runs of one home. As a context it is closed in the end."""

    def __init__(self, home: Path, connection: sqlite3.Connection | None) -> None:
        self.home = home
        self._connection = connection

    @classmethod
    def open(cls, home: Path | None = None, *, create: bool = False) -> Store:
        """Open the store of `home`. Without `create` nothing is made: a home without a file has no
        runs. Raises `StoreError`."""
        home = data_home() if home is None else home
        file = home / FILE
        if not create and not file.exists():
            return cls(home, None)
        with said(home):
            if create:
                home.mkdir(parents=True, exist_ok=True, mode=0o700)
                file.touch(mode=0o600)  # parameters may be nobody else's business
            return cls(home, _connect(file))

    @property
    def exists(self) -> bool:
        """Whether there is a file of runs."""
        return self._connection is not None

    @property
    def connection(self) -> sqlite3.Connection:
        """The open file."""
        assert self._connection is not None
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def version(self) -> int:
        """Changes when another connection has written."""
        version: int = self.connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def runs(self, flow: str | None = None) -> list[StoredRun]:
        """All runs, or those of one flow, newest first."""
        if self._connection is None:
            return []
        where, values = ("WHERE flow = ?", [flow]) if flow is not None else ("", [])
        query = f"SELECT number FROM runs {where} ORDER BY number DESC"
        with said(self.home):
            rows = self.connection.execute(query, values).fetchall()
            return [StoredRun(self, number) for (number,) in rows]

    def find(self, name: str) -> StoredRun | None:
        """The run by that name or id, or else the newest run of the flow by that name."""
        if self._connection is None:
            return None
        query = (
            "SELECT number FROM runs WHERE name = :name OR id = :name OR flow = :name"
            " ORDER BY name = :name DESC, id = :name DESC, number DESC LIMIT 1"
        )
        with said(self.home):
            row = self.connection.execute(query, {"name": name}).fetchone()
        return StoredRun(self, row[0]) if row else None

    def named(self, name: str) -> StoredRun | None:
        """The run of exactly that name."""
        found = self.find(name)
        return found if found is not None and found.info.name == name else None

    def run(self, name: str) -> StoredRun:
        """What `find` finds; raises `NoSuchRunError` with the nearest names."""
        found = self.find(name)
        if found is not None:
            return found
        names = [run.info.name for run in self.runs()]
        has = f"there are {listed(sorted(names)[:MOST_NAMED])}" if names else "there is none at all"
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise NoSuchRunError(f"there is no run or flow '{name}' on this machine, {has}{hint}")

    def add(
        self, document: dict[str, Any], *, name: str | None, workdir: Path | None, **columns: Any
    ) -> StoredRun:
        """A new run. Without a name it gets `<flow>-<n>`. Raises `sqlite3.IntegrityError` when the
        name is taken."""
        with self.writing() as write:
            flow = document["metadata"]["name"]
            name = name or self._free_name(flow)
            columns |= {
                "name": name,
                "flow": flow,
                "workdir": str(workdir or self.home / "runs" / name),
            }
            marks = ", ".join("?" * len(columns))
            cursor = write.execute(
                f"INSERT INTO runs ({', '.join(columns)}) VALUES ({marks})", [*columns.values()]
            )
            number = cursor.lastrowid
            write.execute("INSERT INTO flows VALUES (?, 1, ?)", (number, json.dumps(document)))
        assert number is not None
        return StoredRun(self, number)

    def _free_name(self, flow: str) -> str:
        taken = {name for (name,) in self.connection.execute("SELECT name FROM runs")}
        n = 1
        while f"{flow}-{n}" in taken or (self.home / "runs" / f"{flow}-{n}").exists():
            n += 1
        return f"{flow}-{n}"

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; whole or not at all. Raises `StoreError`."""
        with said(self.home):
            connection = self.connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _connect(file: Path) -> sqlite3.Connection:
    # Everything is one transaction or one statement: nothing is begun behind our back.
    connection = sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise StoreError(
                f"{file} was written by a later release of jobflow (tables {version}, this one "
                f"knows {VERSION}); use that release, or another JOBFLOW_HOME"
            )
        if version < VERSION:
            with alone(file.parent):
                _make_tables(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA user_version").fetchone()[0] >= VERSION:
        return  # somebody else was faster
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
