"""Caches, memory nodes and memory bandwidth, and what they may cost parallel work.

What is read or measured and what is merely estimated is kept apart. Sizes and nodes are read from
/sys, bandwidth is measured, and the two `estimate_` functions are models: they tell whether caches,
nodes or bandwidth can be the reason for a poor speedup, and leave the times themselves to a run,
which measures them. Nothing in `jobflows.chunking` chooses its workers by them.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobflows.chunking.machine import topology
from jobflows.chunking.machine.bandwidth import memory_bandwidth
from jobflows.chunking.machine.cores import affinity, logical_cores
from jobflows.chunking.machine.cores import physical_cores as count_physical_cores
from jobflows.chunking.machine.kernel_files import ROOT, Root

MEMORY_PENALTY = 2.0
"""How many times longer an item takes whose data comes from memory, not from the shared cache.

An assumption, for functions that read their data and compute a little with it. One that only copies
may take ten times as long, one that computes a lot hardly longer at all.
"""

LOCAL = 10
"""What the firmware calls the distance of a node to itself."""


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """The caches for data that one of the usable CPUs has, read from /sys; 0 is not known."""

    l1_size: int = 0
    """Bytes, of one core."""
    l2_size: int = 0
    l3_size: int = 0
    """Bytes of the one cache that this CPU uses; a large processor has several."""
    cache_line_size: int = 0
    l2_cpus: int = 0
    """CPUs that share it."""
    l3_cpus: int = 0

    @property
    def shared_size(self) -> int:
        """Bytes of the last cache before memory."""
        return self.l3_size or self.l2_size

    @property
    def shared_cpus(self) -> int:
        """CPUs that share the last cache before memory; at least 1."""
        return max(1, self.l3_cpus if self.l3_size else self.l2_cpus)


@dataclass(frozen=True, slots=True)
class NumaInfo:
    """The memory nodes that have CPUs, read from /sys."""

    has_numa: bool = False
    """Whether there is more than one."""
    numa_nodes: int = 1
    cores_per_node: int = 1
    """Physical cores of one node, rounded down."""
    cpus: tuple[tuple[int, ...], ...] = ()
    """The numbers of the CPUs of each node: what `os.sched_setaffinity` wants."""
    remote_penalty: float = 1.0
    """How many times farther memory of another node is, as the firmware claims, on average."""


@dataclass(frozen=True, slots=True)
class SystemTopology:
    """How the machine is built, whatever this process may use of it."""

    physical_cores: int
    logical_cores: int
    cache_info: CacheInfo
    numa_info: NumaInfo


def detect_system_topology(physical_cores: int | None = None, root: Root = ROOT) -> SystemTopology:
    """Read caches and memory nodes. `physical_cores` are as many as there are, by default."""
    if physical_cores is not None and physical_cores < 1:
        raise ValueError(f"physical_cores is {physical_cores!r}: give 1 or more, or None")
    physical = physical_cores or count_physical_cores(root)
    return SystemTopology(
        physical_cores=physical,
        logical_cores=logical_cores(root),
        cache_info=_cache_info(topology.caches(root)),
        numa_info=_numa_info(topology.nodes(root), physical),
    )


def estimate_cache_coherency_overhead(
    n_jobs: int,
    data_size_per_item: int,
    cache_info: CacheInfo | None = None,
    numa_info: NumaInfo | None = None,
    memory_penalty: float = MEMORY_PENALTY,
) -> float:
    """Estimate how many times longer an item takes beside other workers; 1 is no longer at all.

    Modelled: workers share a cache, so data that one alone could keep there, `data_size_per_item`
    bytes, comes from memory; and memory that a worker got from its parent may be on another node.
    Not modelled, because our workers are processes that write nothing in common but a counter:
    coherency traffic and false sharing. Threads that write to the same objects do pay for those.

    Without a `cache_info` or `numa_info`, those of this machine count.
    """
    if n_jobs < 1:
        raise ValueError(f"n_jobs is {n_jobs!r}: give 1 or more")
    if data_size_per_item < 0:
        raise ValueError(f"data_size_per_item is {data_size_per_item!r}: give bytes, 0 or more")
    if memory_penalty < 1:
        raise ValueError(f"memory_penalty is {memory_penalty!r}: give a factor of 1 or more")
    if cache_info is None or numa_info is None:
        machine = detect_system_topology()
        cache_info = cache_info or machine.cache_info
        numa_info = numa_info or machine.numa_info
    alone = _missed(data_size_per_item, cache_info.shared_size)
    sharing = min(n_jobs, cache_info.shared_cpus)
    together = _missed(data_size_per_item, cache_info.shared_size / sharing)
    crowded = 1 + (together - alone) * (memory_penalty - 1)
    away = max(0.0, 1 - numa_info.cores_per_node / n_jobs) if numa_info.has_numa else 0.0
    return crowded * (1 + away * together * (numa_info.remote_penalty - 1))


def measure_memory_bandwidth(n_jobs: int) -> float | None:
    """Return the bytes a second that so many workers read and write together, once measured.

    It takes a tenth of a second or more, and memory of four times the caches; None where that is
    too much.
    """
    if n_jobs < 1:
        raise ValueError(f"n_jobs is {n_jobs!r}: give 1 or more")
    return memory_bandwidth(n_jobs)


def estimate_memory_bandwidth_saturation(
    n_jobs: int,
    data_size_per_item: int,
    items_per_second: float,
    bandwidth: float | None = None,
) -> float | None:
    """Estimate the share of memory bandwidth that workers want; above 1, they wait for memory.

    Each reads and writes `data_size_per_item` bytes `items_per_second` times, all of it outside of
    the caches: an upper bound. `bandwidth` in bytes a second is measured if it is not given; None
    if that cannot be done.
    """
    if data_size_per_item < 0:
        raise ValueError(f"data_size_per_item is {data_size_per_item!r}: give bytes, 0 or more")
    if items_per_second < 0:
        raise ValueError(f"items_per_second is {items_per_second!r}: give 0 or more")
    available = measure_memory_bandwidth(n_jobs) if bandwidth is None else bandwidth
    return 2 * data_size_per_item * items_per_second * n_jobs / available if available else None


def _missed(data: float, cache: float) -> float:
    """Return the share of data that a cache does not hold; nothing where its size is unknown."""
    return max(0.0, 1 - cache / data) if data > 0 and cache > 0 else 0.0


def _cache_info(found: tuple[topology.Cache, ...]) -> CacheInfo:
    usable = affinity()
    own = {cache.level: cache for cache in reversed(found) if cache.cpus & usable}
    own = own or {cache.level: cache for cache in reversed(found)}
    unknown = topology.Cache(level=0, size=0, line_size=0, cpus=frozenset())
    first, second, third = (own.get(level, unknown) for level in (1, 2, 3))
    return CacheInfo(
        l1_size=first.size,
        l2_size=second.size,
        l3_size=third.size,
        cache_line_size=max((cache.line_size for cache in own.values()), default=0),
        l2_cpus=len(second.cpus),
        l3_cpus=len(third.cpus),
    )


def _numa_info(found: tuple[topology.Node, ...], physical: int) -> NumaInfo:
    count = max(1, len(found))
    # The memory of a node without CPUs has a column too, so columns are not those of `found`.
    remote = [far for node in found for far in node.distances if far > LOCAL]
    return NumaInfo(
        has_numa=count > 1,
        numa_nodes=count,
        cores_per_node=max(1, physical // count),
        cpus=tuple(tuple(sorted(node.cpus)) for node in found),
        remote_penalty=sum(remote) / len(remote) / LOCAL if count > 1 and remote else 1.0,
    )
