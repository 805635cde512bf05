"""Workers under load, and the answers under Amorsize's names."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.chunking import system_info
from jobflows.chunking.system_info import (
    calculate_load_aware_workers,
    get_available_memory,
    get_cpu_quota,
    get_logical_cores,
    get_memory_limit,
    get_multiprocessing_start_method,
    get_physical_cores,
    get_start_methods,
    get_usable_cores,
    measure_spawn_cost,
    share_under_load,
)
from unit.chunking.machine.trees import MIB, Tree, v2


@pytest.mark.parametrize(
    ("percent", "threshold", "aggressive", "share"),
    [
        (0, 70, False, 1),
        (70, 70, True, 1),
        (85, 70, False, 0.5),
        (85, 70, True, 0.25),
        (100, 70, False, 0),
        (100, 100, False, 1),
    ],
)
def test_workers_shrink_with_what_is_free(
    percent: float, threshold: float, aggressive: bool, share: float
) -> None:
    assert share_under_load(percent, threshold, aggressive) == pytest.approx(share)


@given(
    percent=st.floats(0, 100),
    more=st.floats(0, 100),
    threshold=st.floats(0, 100),
    aggressive=st.booleans(),
)
def test_more_load_never_gives_more_workers(
    percent: float, more: float, threshold: float, aggressive: bool
) -> None:
    low, high = sorted((percent, more))
    left = share_under_load(high, threshold, aggressive)
    assert 0 <= left <= share_under_load(low, threshold, aggressive) <= 1


@given(physical=st.integers(1, 1024), ram=st.integers(0, 1 << 50), aggressive=st.booleans())
def test_there_is_always_a_worker_and_never_more_than_cores(
    physical: int, ram: int, aggressive: bool
) -> None:
    workers = calculate_load_aware_workers(physical, ram, aggressive_reduction=aggressive)
    assert 1 <= workers <= min(physical, get_usable_cores())


def test_without_thresholds_only_cores_and_memory_count() -> None:
    calm = partial(calculate_load_aware_workers, cpu_threshold=100, memory_threshold=100)
    assert calm() == min(get_physical_cores(), get_usable_cores())
    assert calm(estimated_job_ram=1 << 60) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: calculate_load_aware_workers(cpu_threshold=170),
            "cpu_threshold is 170: give a percentage",
        ),
        (
            lambda: calculate_load_aware_workers(memory_threshold=-1),
            "memory_threshold is -1: give a percentage",
        ),
        (
            lambda: calculate_load_aware_workers(estimated_job_ram=-1),
            "estimated_job_ram is -1: give bytes",
        ),
        (lambda: calculate_load_aware_workers(0), "physical_cores is 0: give 1 or more"),
        (
            lambda: measure_spawn_cost("thread"),  # type: ignore[arg-type]
            "start_method is 'thread': give one of fork, forkserver, spawn, or None",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_container_is_seen_as_such(tmp_path: Any) -> None:
    files = {
        "cpu.max": "50000 100000",
        "memory.max": str(MIB),
        "memory.current": str(MIB // 4),
    }
    root = Tree(v2("/", "/", files)).grow(tmp_path)
    assert get_cpu_quota(root) == 0.5
    assert get_usable_cores(root) == 1
    assert get_memory_limit(root) == MIB
    assert get_available_memory(root) == MIB * 3 // 4
    assert system_info.get_memory_pressure(root) == 25


def test_asking_for_the_start_method_leaves_it_to_be_set() -> None:
    code = (
        "import multiprocessing\n"
        "from jobflows.chunking.system_info import get_multiprocessing_start_method as get\n"
        "usual = get(); multiprocessing.set_start_method('spawn'); print(usual, get())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == [get_multiprocessing_start_method(), "spawn"]


def test_the_usual_start_method_comes_first() -> None:
    assert get_start_methods()[0] == get_multiprocessing_start_method()
    assert "spawn" in get_start_methods()


def test_logical_cores_are_at_least_the_physical_ones() -> None:
    assert get_logical_cores() >= get_physical_cores() >= 1
