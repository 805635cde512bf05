"""How many cores there are, and how many this process may use.

Three numbers differ: logical cores are what the kernel schedules on, physical cores have units of
their own to compute with, and usable are those left by the affinity of the process and the quota
of its control groups. Workers are counted by the last.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection

from jobflows.chunking.machine.cgroups import cpu_quota
from jobflows.chunking.machine.kernel_files import ROOT, Root, read, read_cpus

_CPUS = "sys/devices/system/cpu"


def usable_cores(root: Root = ROOT) -> int:
    """Return how many threads of this process can compute at the same time; at least 1."""
    return bounded(len(affinity()), cpu_quota(root))


def bounded(cores: int, quota: float | None) -> int:
    """Return cores under a quota. Part of a core counts as one: 2.5 cores keep 3 workers busy."""
    return max(1, cores if quota is None else min(cores, math.ceil(quota)))


def affinity() -> frozenset[int]:
    """Return the numbers of the CPUs that the scheduler may give to this thread.

    It respects `taskset` and cpusets. Where the system does not tell, they are all.
    """
    try:
        return frozenset(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS, Windows
        return frozenset(range(os.cpu_count() or 1))


def logical_cores(root: Root = ROOT) -> int:
    """Return how many CPUs of the machine are switched on."""
    return len(read_cpus(f"{root}/{_CPUS}/online")) or os.cpu_count() or 1


def physical_cores(root: Root = ROOT, among: Collection[int] | None = None) -> int:
    """Return how many cores the machine has, or the CPUs with the numbers `among` belong to.

    Logical cores where the system does not tell which of them share a core.
    """
    online = read_cpus(f"{root}/{_CPUS}/online")
    wanted = [cpu for cpu in online if among is None or cpu in among]
    siblings = {_siblings(f"{root}/{_CPUS}/cpu{cpu}/topology") for cpu in wanted}
    if siblings and "" not in siblings:
        return len(siblings)
    listed = _listed(read(f"{root}/proc/cpuinfo"), among)
    if listed:
        return listed
    return len(among) if among else logical_cores(root)


def _siblings(topology: str) -> str:
    return read(f"{topology}/core_cpus_list") or read(f"{topology}/thread_siblings_list")


def _listed(text: str, among: Collection[int] | None) -> int:
    """Count cores in /proc/cpuinfo; 0 if it does not name them, as on ARM."""
    cores = set()
    for block in text.split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        fields = {name.strip(): value.strip() for name, _, value in pairs}
        if "core id" not in fields:
            continue
        if among is None or int(fields.get("processor", -1)) in among:
            cores.add((fields.get("physical id"), fields["core id"]))
    return len(cores)
