"""What is left of memory, of the control groups and of the machine."""

import sys
from pathlib import Path

import pytest

from jobflows.chunking.machine.memory import available_memory, machine_memory, memory_pressure
from unit.chunking.machine.trees import MIB, TREES, Tree, v2

MEMINFO = (
    f"MemTotal: {1000 * 1024} kB\nMemFree: {100 * 1024} kB\nMemAvailable: {700 * 1024} kB\n"
    f"SwapTotal: {50 * 1024} kB\nSwapFree: {20 * 1024} kB\nHugePages_Total: 0\n"
)


def _machine(limit_mib: int | None, used_mib: int) -> Tree:
    limit = "max" if limit_mib is None else str(limit_mib * MIB)
    files = {"memory.max": limit, "memory.current": str(used_mib * MIB)}
    return Tree({"proc/meminfo": MEMINFO, **v2("/", "/", files)})


@pytest.mark.parametrize(
    ("limit", "used", "available", "pressure"),
    [
        (None, 200, 700, 30.0),
        (400, 100, 300, 30.0),
        (400, 200, 200, 50.0),
        (400, 500, 0, 100.0),
        (4000, 400, 700, 30.0),  # a limit that the machine cannot keep
    ],
)
def test_what_is_scarcest_counts(
    limit: int | None, used: int, available: int, pressure: float, tmp_path: Path
) -> None:
    root = _machine(limit, used).grow(tmp_path)
    assert available_memory(root) == available * MIB
    assert memory_pressure(root) == pytest.approx(pressure)


def test_the_fullest_group_makes_the_pressure(tmp_path: Path) -> None:
    tree = TREES["a larger limit that is nearly used up, above a smaller one that is not"]
    assert memory_pressure(tree.grow(tmp_path)) == pytest.approx(95.0)


def test_memory_of_the_machine_is_in_bytes(tmp_path: Path) -> None:
    memory = machine_memory(_machine(None, 0).grow(tmp_path))
    assert (memory.total, memory.available) == (1000 * MIB, 700 * MIB)
    assert (memory.swap_total, memory.swap_free) == (50 * MIB, 20 * MIB)


def test_a_system_that_tells_nothing_sets_a_bound_that_does_not_bind(tmp_path: Path) -> None:
    assert machine_memory(tmp_path).available is None
    assert 0 < available_memory(tmp_path) <= sys.maxsize
    assert memory_pressure(tmp_path) == 0


def test_this_machine_has_memory_left() -> None:
    assert 0 < available_memory() < sys.maxsize
    assert 0 < memory_pressure() <= 100
