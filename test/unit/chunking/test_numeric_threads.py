"""Numeric libraries in workers share the cores, unless the user has said otherwise."""

from __future__ import annotations

import os
from typing import Any

import pytest

from jobflows.chunking.machine.cores import usable_cores
from jobflows.chunking.numeric_threads import VARIABLES
from jobflows.chunking.options import Options
from jobflows.chunking.run import MapRun

WAYS = ["fork", "spawn", "forkserver"]


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def seen(method: Any, workers: int) -> set[str | None]:
    options = Options(executor="process", workers=workers, start_method=method)
    found = set(MapRun(os.getenv, VARIABLES * 5, options).results())
    assert not set(VARIABLES) & set(os.environ)
    return found


@pytest.mark.parametrize("method", WAYS)
def test_workers_share_the_cores_among_their_libraries(method: str) -> None:
    assert seen(method, 2) == {str(max(1, usable_cores() // 2))}
    assert seen(method, usable_cores() + 1) == {"1"}


@pytest.mark.parametrize("method", WAYS)
def test_a_worker_alone_may_have_all_cores(method: str) -> None:
    assert seen(method, 1) == {None}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_what_the_user_has_set_stays(method: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    options = Options(executor="process", workers=2, start_method=method)
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    assert MapRun(os.getenv, names, options).results() == ["7", None]


def test_a_library_that_is_loaded_is_told_where_threadpoolctl_is_installed() -> None:
    pytest.importorskip("numpy")
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def threads(_: int) -> int:
        return max(int(library["num_threads"]) for library in threadpoolctl.threadpool_info())

    before = threads(0)
    options = Options(executor="process", workers=usable_cores() + 1, start_method="fork")
    assert set(MapRun(threads, range(20), options).results()) == {1}
    assert threads(0) == before
