"""A PostgreSQL for tests: Debian's, unpacked into the cache, on a loopback port.

It refuses to run as root, so there it is a copy that `nobody` may read. What it keeps is deleted in
the end, and it syncs nothing to the disk.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.debian import unpacked
from cluster.errors import UnavailableError
from cluster.ports import free_ports

NOBODY = 65534
_WAIT_SECONDS = 60


class Server:
    """A server: `url` for SQLAlchemy; `stop` and `start` as often as a test likes."""

    def __init__(self, programs: Path, folder: Path, environment: dict[str, str]) -> None:
        self._programs = programs
        self._data = folder / "data"
        self._log = folder / "log"
        self._environment = environment
        (self._port,) = free_ports(1)
        self._password = secrets.token_hex(8)
        word = folder / "password"
        word.write_text(self._password)
        _own(folder)
        self._run(
            *("initdb", "--pgdata", str(self._data), "--username", "archive", "--encoding=UTF8"),
            *("--locale=C", "--auth=scram-sha-256", f"--pwfile={word}", "--no-sync"),
        )

    @property
    def url(self) -> str:
        return f"postgresql://archive:{self._password}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        options = f"-p {self._port} -h 127.0.0.1 -F -c unix_socket_directories="
        self._control("start", "-l", str(self._log), "-o", options, "-w", "-t", str(_WAIT_SECONDS))

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is what a power failure does to it."""
        self._control("stop", "-m", mode, "-w")

    def kill(self) -> None:
        """End it if it runs."""
        file = self._data / "postmaster.pid"
        if file.exists():
            os.kill(int(file.read_text().split()[0]), signal.SIGQUIT)

    def _control(self, *words: str) -> None:
        self._run("pg_ctl", "--pgdata", str(self._data), *words)

    def _run(self, program: str, *words: str) -> None:
        user = NOBODY if os.geteuid() == 0 else None
        with self._log.open("a") as log:
            _own(self._log.parent)
            done = subprocess.run(
                [str(self._programs / program), *words],
                env=self._environment,
                cwd=self._data.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                user=user,
                group=user,
            )
        if done.returncode:
            raise UnavailableError(f"skipped: {program} failed: {self._log.read_text()[-2000:]}")


@contextmanager
def postgresql() -> Iterator[Server]:
    """A server that runs; raises UnavailableError where Debian's cannot be had."""
    package = _package()
    sources = [unpacked(package), unpacked("libpq5")]
    with tempfile.TemporaryDirectory(prefix="jobflow-postgresql-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        root = folder / "root"
        for source in sources:
            shutil.copytree(source, root, symlinks=True, dirs_exist_ok=True)
        (programs,) = (root / "usr/lib/postgresql").glob("*/bin")
        (libraries,) = (root / "usr/lib").glob("*-linux-*")
        environment = {"LD_LIBRARY_PATH": str(libraries), "PATH": "/usr/bin:/bin", "TZ": "UTC"}
        _check_libraries(programs / "postgres", environment)
        state = folder / "state"
        state.mkdir()
        server = Server(programs, state, environment)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _package() -> str:
    """The package with the server itself, such as postgresql-15."""
    if shutil.which("apt-cache") is None:
        raise UnavailableError("skipped: PostgreSQL is Debian's, and there is no apt-cache")
    done = subprocess.run(
        ["apt-cache", "depends", "postgresql"], capture_output=True, text=True, check=False
    )
    found = re.search(r"\bpostgresql-\d+\b", done.stdout)
    if found is None:
        raise UnavailableError("skipped: apt-cache knows no postgresql; apt-get update lists it")
    return found[0]


def _check_libraries(program: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["ldd", str(program)], env=environment, capture_output=True, text=True, check=False
    )
    missing = re.findall(r"(\S+) => not found", done.stdout)
    if missing:
        raise UnavailableError(f"skipped: PostgreSQL needs {', '.join(missing)}")


def _own(folder: Path) -> None:
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
