"""Costs that are measured by doing the thing."""

import math
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.chunking.machine import bandwidth, claim_cost, start_cost

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no forks")


@forks
@pytest.mark.parametrize("threads", [1, 2])
def test_a_start_is_measured_once(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: threads)  # the test runner has some
    for measure in (start_cost.fork_cost, start_cost.forkserver_cost, start_cost.spawn_cost):
        cost = measure()
        assert 0 < cost < math.inf
        assert measure() == cost


@forks
def test_measuring_leaves_no_process_and_no_open_file() -> None:
    for cached in (start_cost._forked, start_cost._fresh, claim_cost.claim_cost):
        cached.cache_clear()
    before = _open_files()
    start_cost.fork_cost()
    start_cost.spawn_cost()
    claim_cost.claim_cost()
    assert _open_files() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@forks
def test_a_process_with_threads_is_not_forked_to_measure_a_fork(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("forked beside a thread"))
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        assert 0 < start_cost.fork_cost() < math.inf
    finally:
        over.set()
        thread.join()


def test_a_system_that_refuses_processes_makes_them_infinitely_dear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    start_cost._forked.cache_clear()
    monkeypatch.setattr(os, "fork", refuse, raising=False)
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # the test runner has threads
    before = _open_files()
    assert start_cost.fork_cost() == math.inf
    assert _open_files() == before


def test_a_claim_takes_microseconds() -> None:
    assert 0 < claim_cost.claim_cost() < 0.001


@given(workers=st.integers(1, 512), cached=st.integers(1, 1 << 40))
def test_blocks_are_larger_than_the_caches_or_nothing_is_measured(
    workers: int, cached: int
) -> None:
    block = bandwidth.block_size(workers, cached)
    if block is not None:
        assert block * workers >= cached
        assert 2 * block * workers <= bandwidth.MOST_MEMORY


def test_without_known_caches_no_bandwidth_is_measured() -> None:
    assert bandwidth.block_size(2, 0) is None


@forks
def test_copying_moves_bytes_and_leaves_nothing_behind() -> None:
    before = _open_files()
    moved = bandwidth._measured(2, 1 << 20)
    assert moved is not None
    assert moved > 1e6
    assert _open_files() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
