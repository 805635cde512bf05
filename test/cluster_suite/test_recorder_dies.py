"""The recorder and its database go at any time: flows go on, nothing is lost or doubled.

The times are drawn from a seed, which is printed and can be given as SEED.
"""

from __future__ import annotations

import random
import re
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from cluster import Record
from cluster.api import wait_for
from cluster.errors import UnavailableError
from cluster.postgresql import postgresql
from cluster_suite.flows import fails_until, flow, retry, runs, step
from cluster_suite.kube import Kube, Object
from cluster_suite.process import RecorderProcess, write_kubeconfig
from jobflows.archive import Archive
from jobflows.manifests import labels
from unit.recorder.comparing import differences
from unit.recorder.many import drawn

pytestmark = pytest.mark.cluster

FLOWS = 3
"""For each time that the database is away, and as many in between."""

CHANGES = 18
"""Fewer than the Jobs of so many flows have."""


class Recorder:
    """A recorder that can be killed, and started again, as often as a test likes."""

    def __init__(self, config: Path, log: Path, url: str, namespace: str) -> None:
        flags = ("--database", url, "--watch-namespace", namespace)
        self._start = partial(RecorderProcess, config, log, *flags)
        self.process = self._start()

    def again(self) -> None:
        """SIGKILL, and another one."""
        self.process.kill()
        self.process = self._start()

    def notices(self) -> None:
        """Wait until the database has not taken a write."""
        before = self._failures()
        wait_for("a write fails", lambda: self._failures() > before, seconds=60)

    def _failures(self) -> float:
        _, text = self.process.fetch("/metrics")
        found = re.search(r"^jobflow_recorder_write_failures_total (\S+)", text, re.MULTILINE)
        return float(found[1]) if found else 0.0


Outage = Callable[[Recorder], AbstractContextManager[None]]


def made(name: str) -> Object:
    """A step that fails once, one after it that takes its time, and an array."""
    again = step("again", pod=fails_until(2), retryPolicy=retry(1))
    long = step("long", "again", pod=runs("1s"))
    return flow(name, again, long, step("many", array={"count": 3}))


def survives(
    kube: Kube, url: str, config: Path, log: Path, rng: random.Random, *outages: Outage
) -> None:
    """Let flows run while the database goes and comes, and the recorder is killed.

    When it does is drawn: after so many changes of their Jobs.
    """
    recorder = Recorder(config, log, url, kube.namespace)
    names: list[str] = []

    def begin(kind: str) -> list[str]:
        some = [f"{kind}-{len(names) + n}" for n in range(FLOWS)]
        kube.apply(*map(made, some))
        names.extend(some)
        return some

    with kube.watch("jobs", seconds=600) as changes:

        def some_pass() -> None:
            for _ in range(rng.randint(0, CHANGES)):
                next(changes)

        try:
            for outage in rng.sample(outages, len(outages)):
                recorder.process.wait_ready()
                begin("there")
                some_pass()
                if rng.random() < 0.5:
                    recorder.again()
                    recorder.process.wait_ready()
                with outage(recorder):
                    some = begin("away")
                    if rng.random() < 0.5:
                        recorder.notices()
                    else:
                        some_pass()
                        recorder.again()  # which finds no database
                    for name in some:
                        kube.ends(name)  # which waits for no archive
                    if rng.random() < 0.5:
                        recorder.again()
                for name in names:
                    kube.ends(name)
                    kube.until("jf", name, _is_marked)
                assert _differences(kube, url, len(names)) == []
            assert recorder.process.stop() == 0
        finally:
            recorder.process.kill()


def _differences(kube: Kube, url: str, count: int) -> list[str]:
    jobs = [job["metadata"]["labels"] for job in kube.find("jobs")]
    attempts = {(j[labels.FLOW], j[labels.STEP], int(j[labels.ATTEMPT])) for j in jobs}
    assert len(attempts) == 4 * count
    with Archive.open(url) as archive:
        return differences(kube.find("jobflows"), attempts, archive)


def _is_marked(flow: Object) -> bool:
    return bool(flow["metadata"].get("annotations", {}).get(labels.ARCHIVED) == "1")


@pytest.fixture
def config(suite: Record, tmp_path: Path) -> Path:
    return write_kubeconfig(suite, "admin", tmp_path / "kubeconfig")


@pytest.fixture
def rng() -> random.Random:
    return random.Random(drawn())


@pytest.mark.usefixtures("operator")
def test_postgresql_is_killed_and_started_again(
    kube: Kube, config: Path, tmp_path: Path, rng: random.Random
) -> None:
    try:
        with postgresql() as server:

            @contextmanager
            def killed(_: Recorder) -> Iterator[None]:
                server.stop()
                yield
                server.start()

            survives(kube, server.url, config, tmp_path / "log", rng, killed, killed)
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("operator")
def test_the_file_is_locked_and_the_disk_is_full(
    kube: Kube, config: Path, tmp_path: Path, rng: random.Random
) -> None:
    file = tmp_path / "archive.db"

    @contextmanager
    def locked(_: Recorder) -> Iterator[None]:
        with sqlite3.connect(file, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")

    @contextmanager
    def full(recorder: Recorder) -> Iterator[None]:
        """No file of the recorder may grow beyond what its log has taken already."""
        most = (tmp_path / "log").stat().st_size + 8192
        pid, (_, hard) = recorder.process.pid, resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))
        yield
        if recorder.process.pid == pid:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    survives(kube, f"sqlite:///{file}", config, tmp_path / "log", rng, full, locked)
