"""How busy the cores are that this process may use.

The kernel only counts ticks, so a share needs two looks with time between them. The meter keeps the
last look; the first answer, which has none before it, is the load average of the last minute. With
a CPU quota the cores of the machine are not what runs out, so the share of the quota counts too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from jobflows.chunking.machine.cgroups import cpu_quota, cpu_seconds
from jobflows.chunking.machine.cores import logical_cores
from jobflows.chunking.machine.hierarchy import own_unified
from jobflows.chunking.machine.kernel_files import ROOT, Root, read

SHORTEST = 0.1
"""Seconds between two looks. Ticks last 10 ms, so anything shorter would be guessing."""

_IDLE = (3, 4)
"""Fields `idle` and `iowait` of /proc/stat: times in which the core was free."""
_GUEST = 8
"""The first field that is counted a second time, in `user`."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the counters said at one time."""

    at: float
    """Seconds of any steady clock."""
    busy: int
    """Ticks of all cores in which they worked."""
    ticks: int
    """Ticks of all cores."""
    used: float | None = None
    """CPU seconds of the group with the tightest quota, if there is one."""
    quota: float | None = None


@dataclass(frozen=True, slots=True)
class Pressure:
    """Time lost to a lack of CPU, memory or input and output (PSI)."""

    some: float
    """Percent of the last 10 seconds in which a thread had to wait for it."""
    full: float
    """… in which all threads had to wait at the same time."""
    seconds: float
    """Time in which a thread had to wait, since the start. It only grows."""


class LoadMeter:
    """Compares the counters now with those of the last look."""

    def __init__(self, root: Root = ROOT) -> None:
        self._root = root
        self._last: Look | None = None
        self._percent: float | None = None

    def percent(self, now: float) -> float:
        """Return the percent in use since the last look, 0 to 100; 0 where nothing is known."""
        if self._last is not None and now - self._last.at < SHORTEST:
            return self._answer()
        look = look_at(now, self._root)
        if self._last is not None:
            self._percent = busy_percent(self._last, look)
        self._last = look
        return self._answer()

    def _answer(self) -> float:
        return minute_percent(self._root) if self._percent is None else self._percent


def cpu_load() -> float:
    """Return the percent in use of the machine's cores or of the quota, whichever is more.

    Since the last call, if it is a tenth of a second ago; at the first call of the last minute.
    """
    return _METER.percent(time.monotonic())


def look_at(now: float, root: Root = ROOT) -> Look:
    """Read the counters."""
    words = read(f"{root}/proc/stat").partition("\n")[0].split()
    ticks = [int(word) for word in words[1:] if word.isdecimal()][:_GUEST]
    idle = sum(ticks[field] for field in _IDLE if field < len(ticks))
    quota = cpu_quota(root)
    used = None if quota is None else cpu_seconds(root)
    return Look(now, sum(ticks) - idle, sum(ticks), used, quota)


def busy_percent(before: Look, after: Look) -> float:
    """Return the percent in use between two looks, of the machine or of the quota."""
    shares = [0.0]
    if after.ticks > before.ticks:
        shares.append((after.busy - before.busy) / (after.ticks - before.ticks))
    if before.used is not None and after.used is not None and after.quota:
        allowed = (after.at - before.at) * after.quota
        shares.append((after.used - before.used) / allowed if allowed > 0 else 0.0)
    return 100 * min(1.0, max(shares))


def minute_percent(root: Root = ROOT) -> float:
    """Return the load average of the last minute, as percent of the logical cores, at most 100.

    It also counts what waits for a disk, and cores beyond a quota: a first guess.
    """
    try:
        average = float(read(f"{root}/proc/loadavg").split()[0])
    except (IndexError, ValueError):
        return 0.0
    return 100 * min(1.0, max(0.0, average) / logical_cores(root))


def pressure(resource: Literal["cpu", "memory", "io"], root: Root = ROOT) -> Pressure | None:
    """Return the time lost of this process's group, else of the machine; None if not counted."""
    group = own_unified(root)
    places = [] if group is None else [f"{group}/{resource}.pressure"]
    for place in (*places, f"{root}/proc/pressure/{resource}"):
        lines = [line.split() for line in read(place).splitlines()]
        found = {words[0]: dict(word.split("=", 1) for word in words[1:]) for words in lines}
        try:
            some = found["some"]
            full = found.get("full", {"avg10": "0"})
            return Pressure(float(some["avg10"]), float(full["avg10"]), int(some["total"]) / 1e6)
        except (KeyError, ValueError):
            continue
    return None


_METER = LoadMeter()
