"""macOS and Windows lack calls and files that Linux has; the answers are those that remain."""

import math
import os
import sys
from pathlib import Path

import pytest

from jobflows.chunking.machine import bandwidth, claim_cost, start_cost
from jobflows.chunking.machine.cores import affinity, physical_cores, usable_cores
from jobflows.chunking.machine.load import LoadMeter, pressure
from jobflows.chunking.machine.memory import available_memory, machine_memory
from jobflows.chunking.system_info import get_multiprocessing_start_method, measure_spawn_cost


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the root of a system without the kernel's files, and take away Linux's calls."""
    for name in ("sched_getaffinity", "fork", "memfd_create", "sysconf"):
        monkeypatch.delattr(os, name, raising=False)
    return tmp_path


def test_all_cores_may_be_used(nowhere: Path) -> None:
    assert usable_cores(nowhere) == physical_cores(nowhere) == os.cpu_count()
    assert affinity() == frozenset(range(os.cpu_count() or 1))


def test_a_system_that_cannot_count_has_one_core(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores(nowhere) == physical_cores(nowhere) == 1


def test_unknown_memory_sets_no_bound(nowhere: Path) -> None:
    assert machine_memory(nowhere).total is None
    assert available_memory(nowhere) == sys.maxsize


def test_unknown_load_is_none(nowhere: Path) -> None:
    assert LoadMeter(nowhere).percent(0.0) == 0
    assert pressure("cpu", nowhere) is None


def test_without_forks_only_interpreters_can_be_started(nowhere: Path) -> None:
    assert start_cost.fork_cost() == math.inf
    assert 0 < measure_spawn_cost("spawn") < math.inf
    assert bandwidth.memory_bandwidth(1) is None


@pytest.mark.parametrize("has_locks", [True, False])
def test_a_claim_is_measured_all_the_same(
    has_locks: bool, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_locks:
        monkeypatch.setattr(claim_cost, "fcntl", None)
    claim_cost.claim_cost.cache_clear()
    assert 0 < claim_cost.claim_cost() < 0.001
    claim_cost.claim_cost.cache_clear()


def test_the_start_method_is_one_of_three() -> None:
    assert get_multiprocessing_start_method() in ("fork", "forkserver", "spawn")
