"""What control groups leave to this process: CPU quota, memory limit, and what is used of them.

A limit of any group holds for all below it, so every group from the process's own upwards is asked
and the tightest counts. Both versions are read, `cpu.max` and `cpu.cfs_quota_us`, `memory.max` and
`memory.limit_in_bytes`. Shares and weights are no limits: they count only while others want the
same core.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jobflows.chunking.machine.hierarchy import Level, levels
from jobflows.chunking.machine.kernel_files import ROOT, Root, read, read_fields, read_whole, whole

_NO_LIMIT = 1 << 62
"""Version 1 says "no limit" by the largest number of whole pages, which is above this."""


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """The memory of one group, in bytes."""

    limit: int | None
    usage: int | None
    """What is charged to the group, without the file cache that it would give back first."""

    @property
    def left(self) -> int | None:
        """What may still be taken; None without a limit."""
        return None if self.limit is None else max(0, self.limit - (self.usage or 0))


@dataclass(frozen=True, slots=True)
class Throttling:
    """How often a quota stopped a group. The counters only grow; two of them make a rate."""

    periods: int
    """Periods in which the group ran."""
    throttled: int
    """Periods of these at whose end it had to wait."""
    seconds: float
    """Time that its threads waited, all added up."""


def cpu_quota(root: Root = ROOT) -> float | None:
    """Return how many cores' worth of time may be used; None if there is no quota."""
    tightest = _tightest_quota(root)
    return tightest[0] if tightest else None


def cpu_throttling(root: Root = ROOT) -> Throttling | None:
    """Return the counters of the group with the tightest quota; None if there is no quota."""
    tightest = _tightest_quota(root)
    if tightest is None:
        return None
    fields = read_fields(f"{tightest[1].directory}/cpu.stat")
    if "nr_throttled" not in fields:
        return None
    seconds = fields.get("throttled_usec", 0) / 1e6 + fields.get("throttled_time", 0) / 1e9
    return Throttling(fields.get("nr_periods", 0), fields["nr_throttled"], seconds)


def cpu_seconds(root: Root = ROOT) -> float | None:
    """Return the CPU time that the group with the tightest quota has used; None without one."""
    tightest = _tightest_quota(root)
    if tightest is None:
        return None
    quota_level = tightest[1]
    if quota_level.unified:
        microseconds = read_fields(f"{quota_level.directory}/cpu.stat").get("usage_usec")
        return None if microseconds is None else microseconds / 1e6
    # … in version 1 only if both controllers are mounted as one: else it is of another group
    nanoseconds = read_whole(f"{quota_level.directory}/cpuacct.usage")
    return None if nanoseconds is None else nanoseconds / 1e9


def memory_limit(root: Root = ROOT) -> int | None:
    """Return the bytes that may be used; None if there is no limit."""
    tightest = _tightest_memory(root)
    return tightest.limit if tightest else None


def memory_usage(root: Root = ROOT) -> int | None:
    """Return the bytes used by the group with the tightest limit, or by the process's own group.

    File cache that was not used for a while does not count: the kernel gives it up before it ends
    a process. It is what the kubelet calls the working set. None if it is not known.
    """
    tightest = _tightest_memory(root)
    if tightest is not None:
        return tightest.usage
    return next((group.usage for group in memory_groups(root)), None)


def memory_groups(root: Root = ROOT) -> tuple[MemoryGroup, ...]:
    """Return limit and usage of each group that holds this process's memory, its own first."""
    return tuple(_memory_groups(root))


def _tightest_quota(root: Root) -> tuple[float, Level] | None:
    quotas = ((_quota(level), level) for level in levels("cpu", root))
    known = [(quota, level) for quota, level in quotas if quota is not None]
    return min(known, key=lambda pair: pair[0], default=None)


def _quota(level: Level) -> float | None:
    if level.unified:
        words = read(f"{level.directory}/cpu.max").split()
        quota, period = (whole(words[0]), whole(words[1])) if len(words) == 2 else (None, None)
    else:
        quota = read_whole(f"{level.directory}/cpu.cfs_quota_us")
        period = read_whole(f"{level.directory}/cpu.cfs_period_us")
    if quota is None or period is None or quota <= 0 or period <= 0:
        return None  # `max`, -1, or a file that is not there
    return quota / period


def _tightest_memory(root: Root) -> MemoryGroup | None:
    limited = ((group.limit, group) for group in _memory_groups(root))
    known = [(limit, group) for limit, group in limited if limit is not None]
    return min(known, key=lambda pair: pair[0], default=(None, None))[1]


def _memory_groups(root: Root) -> Iterator[MemoryGroup]:
    own = True
    for level in levels("memory", root):
        group = _memory_group(level, own)
        if group is None:
            continue
        yield group
        if not level.unified and read(f"{_above(level)}/memory.use_hierarchy") == "0":
            return  # an old kernel: the group above does not count what is charged below it
        own = False


def _memory_group(level: Level, own: bool) -> MemoryGroup | None:
    if level.unified:
        # Above `high` a process is slowed down until it hardly moves: as good as a limit.
        limits, usage, idle = ["memory.max", "memory.high"], "memory.current", "inactive_file"
    else:
        limits, usage = ["memory.limit_in_bytes"], "memory.usage_in_bytes"
        idle = "total_inactive_file"
    bounds = [read_whole(f"{level.directory}/{name}") for name in limits]
    used = read_whole(f"{level.directory}/{usage}")
    limited = [bound for bound in bounds if bound is not None and 0 <= bound < _NO_LIMIT]
    if own or limited:  # of others nobody wants to know the usage, and the kernel has to add it up
        counters = read_fields(f"{level.directory}/memory.stat")
        # … in version 1 of the groups above too, also of those that a container does not see
        above = _NO_LIMIT if level.unified else counters.get("hierarchical_memory_limit", _NO_LIMIT)
        if own and above < _NO_LIMIT:
            limited.append(above)
        used = None if used is None else max(0, used - counters.get(idle, 0))
    if not limited and used is None:
        return None
    return MemoryGroup(min(limited, default=None), used)


def _above(level: Level) -> str:
    return level.directory.rpartition("/")[0]
