"""What can be asked of the machine, under the names that Amorsize gave them.

Code that was written for it needs another import only. The answers are those of
`jobflows.chunking.machine`, where the details are; times are in seconds, memory is in bytes, loads
are percent. No function fails because a system does not tell something: it answers with what a
caller can go on with, as said below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import get_args

from jobflows.chunking.machine import cgroups, cores, load, memory
from jobflows.chunking.machine.claim_cost import claim_cost
from jobflows.chunking.machine.kernel_files import ROOT, Root
from jobflows.chunking.machine.start_cost import fork_cost, forkserver_cost, spawn_cost
from jobflows.chunking.options import StartMethod

_COSTS: dict[str, Callable[[], float]] = {
    "fork": fork_cost,
    "forkserver": forkserver_cost,
    "spawn": spawn_cost,
}

CPU_THRESHOLD = 70.0
MEMORY_THRESHOLD = 75.0
AGGRESSIVE = 0.5
"""Share of the workers that are left under load with `aggressive_reduction`."""


def get_multiprocessing_start_method() -> StartMethod:
    """Return how `multiprocessing` starts processes: as was set, or as is usual on this system.

    Asking does not fix the method: it may still be set afterwards.
    """
    import multiprocessing  # noqa: PLC0415 - 10 ms that a run of our own workers never needs

    method = multiprocessing.get_start_method(allow_none=True)
    found = method or multiprocessing.get_all_start_methods()[0]  # the usual one comes first
    return next(known for known in get_args(StartMethod) if known == found)


def get_start_methods() -> tuple[StartMethod, ...]:
    """Return the start methods of this system, the usual one first."""
    import multiprocessing  # noqa: PLC0415 - as above

    found = multiprocessing.get_all_start_methods()
    usual = get_multiprocessing_start_method()
    rest = (method for method in get_args(StartMethod) if method in found and method != usual)
    return (usual, *rest)


def measure_spawn_cost(start_method: StartMethod | None = None) -> float:
    """Return the seconds from starting a worker to its end, without any work in between.

    Measured, once a process: the median of five forks, or one fresh interpreter for `spawn`. What
    a fresh interpreter imports for the work comes on top. Infinite if no process can be started.
    """
    method = get_multiprocessing_start_method() if start_method is None else start_method
    if method not in _COSTS:
        raise ValueError(f"start_method is {method!r}: give one of {', '.join(_COSTS)}, or None")
    return _COSTS[method]()


def measure_chunking_overhead() -> float:
    """Return the seconds that a worker needs to claim its next items, whatever their number.

    Measured, once a process, by claims on a shared counter behind a lock that nobody else wants.
    """
    return claim_cost()


def get_available_memory(root: Root = ROOT) -> int:
    """Return the bytes that may still be taken: by the limit of the container or by the machine."""
    return memory.available_memory(root)


def get_memory_limit(root: Root = ROOT) -> int | None:
    """Return the bytes that the control groups allow; None without a limit."""
    return cgroups.memory_limit(root)


def get_memory_pressure(root: Root = ROOT) -> float:
    """Return the percent of memory in use, of the limit or of the machine, whichever is more."""
    return memory.memory_pressure(root)


def get_physical_cores(root: Root = ROOT) -> int:
    """Return the cores of the machine, whatever this process may use of them."""
    return cores.physical_cores(root)


def get_logical_cores(root: Root = ROOT) -> int:
    """Return the CPUs of the machine that are switched on: two a core, if it has two threads."""
    return cores.logical_cores(root)


def get_usable_cores(root: Root = ROOT) -> int:
    """Return the cores that the affinity and the CPU quota leave to this process; at least 1."""
    return cores.usable_cores(root)


def get_cpu_quota(root: Root = ROOT) -> float | None:
    """Return how many cores' worth of time the control groups allow; None without a quota."""
    return cgroups.cpu_quota(root)


def get_current_cpu_load() -> float:
    """Return the percent of CPU in use, of the machine or of the quota, whichever is more.

    Since the last call; at the first call, the load average of the last minute. It never waits.
    """
    return load.cpu_load()


def calculate_load_aware_workers(
    physical_cores: int | None = None,
    estimated_job_ram: int = 0,
    cpu_threshold: float = CPU_THRESHOLD,
    memory_threshold: float = MEMORY_THRESHOLD,
    aggressive_reduction: bool = False,
) -> int:
    """Return how many workers fit beside what runs on this machine now; at least 1.

    At most `physical_cores` (as many as there are, by default), the cores that this process may
    use, and so many as the memory left can hold if each takes `estimated_job_ram` bytes. Below both
    thresholds, in percent, that is all. Above one, workers shrink with what is free: by default to
    none at 100 percent in equal steps, with `aggressive_reduction` to half of that at once.
    """
    for name, percent in (("cpu", cpu_threshold), ("memory", memory_threshold)):
        if not 0 <= percent <= 100:
            raise ValueError(f"{name}_threshold is {percent!r}: give a percentage, 0 to 100")
    if estimated_job_ram < 0:
        raise ValueError(f"estimated_job_ram is {estimated_job_ram!r}: give bytes, 0 or more")
    if physical_cores is not None and physical_cores < 1:
        raise ValueError(f"physical_cores is {physical_cores!r}: give 1 or more, or None")
    most = min(physical_cores or get_physical_cores(), get_usable_cores())
    if estimated_job_ram:
        most = min(most, get_available_memory() // estimated_job_ram)
    share = min(
        share_under_load(get_current_cpu_load(), cpu_threshold, aggressive_reduction),
        share_under_load(get_memory_pressure(), memory_threshold, aggressive_reduction),
    )
    return max(1, math.floor(most * share))


def share_under_load(percent: float, threshold: float, aggressive: bool = False) -> float:
    """Return the share of the workers that is left when so many percent are in use.

    All up to the threshold; from there on, what is free as a part of what is free at the threshold.
    """
    if percent <= threshold:
        return 1.0
    share = max(0.0, (100 - percent) / (100 - threshold))
    return share * AGGRESSIVE if aggressive else share
