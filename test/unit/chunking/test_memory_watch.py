"""Workers are let go before a control group or the machine is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobflows.chunking.memory import MemoryWatch
from unit.chunking.machine.trees import MIB, Tree, v2


def _group(limit: int, used: int, path: Path) -> Path:
    files = {"memory.max": str(limit), "memory.current": str(used)}
    return Tree({"proc/meminfo": f"MemAvailable: {1 << 20} kB\n", **v2("/", "/", files)}).grow(path)


@pytest.mark.parametrize(("left", "tight"), [(0, True), (512 << 10, True), (512 * MIB, False)])
def test_memory_is_tight_when_the_group_has_little_left(
    left: int, tight: bool, tmp_path: Path
) -> None:
    # This process has more than 10 MB, of which a tenth is kept free.
    assert MemoryWatch(None, _group(600 * MIB, 600 * MIB - left, tmp_path)).is_tight(()) is tight


def test_workers_go_one_by_one(tmp_path: Path) -> None:
    """What one gives back is to be seen before the next is asked to go."""
    watch = MemoryWatch(None, _group(MIB, MIB, tmp_path))
    assert [watch.is_tight(()), watch.is_tight(())] == [True, False]
