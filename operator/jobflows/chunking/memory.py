"""How much memory a run holds, and whether that is becoming too much."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from jobflows.chunking.machine.kernel_files import ROOT, Root
from jobflows.chunking.machine.memory import available_memory

PERIOD = 0.25
"""Seconds between two looks."""
RESERVE = 0.1
"""Share of the memory that is kept free: with less, workers are let go."""


class MemoryWatch:
    """Looks at the processes of a run now and then. Memory is in bytes."""

    def __init__(self, most: int | None, root: Root = ROOT) -> None:
        self._most = most
        self._root = root
        self._looked = -PERIOD
        self.peak = 0

    def is_tight(self, pids: Iterable[int]) -> bool:
        """Whether there is so little left that somebody should go; at most once in a while."""
        now = time.monotonic()
        if now - self._looked < PERIOD:
            return False
        self._looked = now
        held = sum(map(private_memory, pids))
        used = held + private_memory(os.getpid())
        self.peak = max(self.peak, used)
        if self._most is not None and held > self._most:
            return True
        return available_memory(self._root) < RESERVE * used


def private_memory(pid: int) -> int:
    """Resident memory of a process without what it shares, as far as the kernel tells at once."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
            _, resident, shared, *_ = file.read(128).split()
    except (OSError, ValueError):
        return 0
    return max(0, int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def resident_memory() -> int:
    """Bytes of this process; 0 if the kernel does not tell."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            return int(file.read(128).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
