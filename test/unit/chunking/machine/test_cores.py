"""Usable, logical and physical cores."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.chunking.machine.cores import (
    affinity,
    bounded,
    logical_cores,
    physical_cores,
    usable_cores,
)
from unit.chunking.machine.trees import Tree, v2

_CPUS = "sys/devices/system/cpu"
TWO_CORES_OF_TWO_THREADS = Tree(
    {
        f"{_CPUS}/online": "0-3\n",
        **{
            f"{_CPUS}/cpu{cpu}/topology/core_cpus_list": f"{cpu % 2},{cpu % 2 + 2}\n"
            for cpu in range(4)
        },
    }
)


@pytest.mark.parametrize(
    ("cores", "quota", "expected"),
    [(8, None, 8), (8, 2.0, 2), (8, 2.5, 3), (8, 0.1, 1), (2, 6.0, 2), (0, None, 1)],
)
def test_a_part_of_a_core_counts_as_one(cores: int, quota: float | None, expected: int) -> None:
    assert bounded(cores, quota) == expected


@given(cores=st.integers(1, 512), quota=st.none() | st.floats(0.001, 1000))
def test_there_is_always_a_core_and_never_more_than_allowed(
    cores: int, quota: float | None
) -> None:
    usable = bounded(cores, quota)
    assert 1 <= usable <= cores
    assert quota is None or usable < quota + 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_a_process_that_is_bound_to_one_cpu_has_one_core() -> None:
    cpu = min(affinity())
    code = (
        f"import os; os.sched_setaffinity(0, {{{cpu}}})\n"
        "from jobflows.chunking.machine.cores import affinity, physical_cores, usable_cores\n"
        "print(usable_cores(), sorted(affinity()), physical_cores(among=affinity()))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == f"1 [{cpu}] 1\n"


def test_a_quota_leaves_fewer_cores_than_the_affinity(tmp_path: Path) -> None:
    assert usable_cores(Tree(v2("/", "/", {"cpu.max": "50000 100000"})).grow(tmp_path)) == 1


def test_threads_of_one_core_are_one_physical_core(tmp_path: Path) -> None:
    root = TWO_CORES_OF_TWO_THREADS.grow(tmp_path)
    assert logical_cores(root) == 4
    assert physical_cores(root) == 2
    assert physical_cores(root, among={0, 2}) == 1
    assert physical_cores(root, among={0, 3}) == 2


def test_equal_numbers_in_two_sockets_are_two_cores(tmp_path: Path) -> None:
    blocks = [
        f"processor\t: {cpu}\nphysical id\t: {cpu // 2}\ncore id\t\t: {cpu % 2}\nflags\t\t: ht"
        for cpu in range(4)
    ]
    root = Tree({"proc/cpuinfo": "\n\n".join(blocks) + "\n\n"}).grow(tmp_path)
    assert physical_cores(root) == 4
    assert physical_cores(root, among={0, 2}) == 2


def test_a_list_without_cores_leaves_logical_ones(tmp_path: Path) -> None:
    files = {f"{_CPUS}/online": "0-7\n", "proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 50.00\n"}
    root = Tree(files).grow(tmp_path)
    assert physical_cores(root) == 8
    assert physical_cores(root, among={1, 2}) == 2


def test_a_system_without_these_files_has_the_cores_that_python_counts(tmp_path: Path) -> None:
    assert logical_cores(tmp_path) == physical_cores(tmp_path) == os.cpu_count()
    assert usable_cores(tmp_path) == len(affinity())


def test_this_machine_has_cores() -> None:
    assert 1 <= physical_cores() <= logical_cores()
    assert 1 <= usable_cores() <= len(affinity())
