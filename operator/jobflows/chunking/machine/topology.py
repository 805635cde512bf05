"""Caches and memory nodes: which cores share them, and how large they are.

All of it is read from /sys. A virtual machine shows what its host lets it see, and a container sees
the caches and nodes of the whole machine, whatever it may use of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jobflows.chunking.machine.kernel_files import ROOT, read, read_cpus, read_size, read_whole

_CPUS = "sys/devices/system/cpu"
_NODES = "sys/devices/system/node"


@dataclass(frozen=True, slots=True)
class Cache:
    """One cache for data."""

    level: int
    size: int
    """Bytes; 0 is not known."""
    line_size: int
    """Bytes that move at once; 0 is not known."""
    cpus: frozenset[int]
    """The CPUs that share it."""


@dataclass(frozen=True, slots=True)
class Node:
    """Memory and the CPUs it is near to."""

    number: int
    cpus: frozenset[int]
    distances: tuple[int, ...]
    """How far the memory of each node is, as the firmware claims: 10 is local, 20 twice as far."""


def caches(root: Path = ROOT) -> tuple[Cache, ...]:
    """Return all caches that hold data, each once, from the smallest level up."""
    found: dict[tuple[int, frozenset[int]], Cache] = {}
    for cpu in read_cpus(root / _CPUS / "online"):
        for place in sorted((root / _CPUS / f"cpu{cpu}" / "cache").glob("index*")):
            level = read_whole(place / "level")
            if level is None or read(place / "type") not in ("Data", "Unified"):
                continue
            cpus = frozenset(read_cpus(place / "shared_cpu_list")) or frozenset({cpu})
            line_size = read_whole(place / "coherency_line_size") or 0
            found.setdefault(
                (level, cpus), Cache(level, read_size(place / "size"), line_size, cpus)
            )
    return tuple(sorted(found.values(), key=lambda cache: (cache.level, min(cache.cpus))))


def nodes(root: Path = ROOT) -> tuple[Node, ...]:
    """Return the memory nodes that have CPUs; empty where the system does not tell."""
    found = []
    for number in read_cpus(root / _NODES / "online"):
        place = root / _NODES / f"node{number}"
        cpus = frozenset(read_cpus(place / "cpulist"))
        words = read(place / "distance").split()
        distances = tuple(int(word) for word in words if word.isdecimal())
        if cpus:
            found.append(Node(number, cpus, distances))
    return tuple(found)
