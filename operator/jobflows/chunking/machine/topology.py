"""Caches and memory nodes: which cores share them, and how large they are.

All of it is read from /sys. A virtual machine shows what its host lets it see, and a container sees
the caches and nodes of the whole machine, whatever it may use of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobflows.chunking.machine.kernel_files import (
    ROOT,
    Root,
    listed,
    read,
    read_cpus,
    read_size,
    read_whole,
)

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


def caches(root: Root = ROOT) -> tuple[Cache, ...]:
    """Return all caches that hold data, each once, from the smallest level up."""
    found: dict[tuple[int, frozenset[int]], Cache] = {}
    for cpu in read_cpus(f"{root}/{_CPUS}/online"):
        of_cpu = f"{root}/{_CPUS}/cpu{cpu}/cache"
        for name in listed(of_cpu):
            place = f"{of_cpu}/{name}"
            level = read_whole(f"{place}/level")
            if level is None or read(f"{place}/type") not in ("Data", "Unified"):
                continue
            cpus = frozenset(read_cpus(f"{place}/shared_cpu_list")) or frozenset({cpu})
            line_size = read_whole(f"{place}/coherency_line_size") or 0
            found.setdefault(
                (level, cpus), Cache(level, read_size(f"{place}/size"), line_size, cpus)
            )
    return tuple(sorted(found.values(), key=lambda cache: (cache.level, min(cache.cpus))))


def nodes(root: Root = ROOT) -> tuple[Node, ...]:
    """Return the memory nodes that have CPUs; empty where the system does not tell."""
    found = []
    for number in read_cpus(f"{root}/{_NODES}/online"):
        place = f"{root}/{_NODES}/node{number}"
        cpus = frozenset(read_cpus(f"{place}/cpulist"))
        words = read(f"{place}/distance").split()
        distances = tuple(int(word) for word in words if word.isdecimal())
        if cpus:
            found.append(Node(number, cpus, distances))
    return tuple(found)
