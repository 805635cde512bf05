"""Measures the memory of running containers, and ends those that use more than their limit.

A container is a session of processes. Now and then all processes of the machine are looked through
once, and their resident memory is added up by session. What seems to be too much is weighed again
with shared pages divided among those who share them, because workers that were forked share most of
what they seem to have.

Where the kernel keeps the limit (`cgroup.py`), nothing is ended here. On systems without `/proc`
nothing is measured.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

FIRST = 0.05
"""Seconds until a container is looked at for the first time."""

STRICT, LOOSE = 0.1, 0.5
"""Seconds between two looks: while somebody has a limit to be kept here, and otherwise."""

SHARE = 0.05
"""Part of the time that looking may take."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class _Watched:
    limit: int | None
    exceeded: Callable[[], None]
    peak: int | None = None


class Meter:
    """Looks at the containers of a run while any live."""

    def __init__(self) -> None:
        self._watched: dict[int, _Watched] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._strict = 0

    def add(self, session: int, limit: int | None, exceeded: Callable[[], None]) -> None:
        """Look at a session from now on; `limit` is in bytes, `exceeded` has to end it."""
        self._watched[session] = _Watched(limit, exceeded)
        self._strict += limit is not None
        if self._timer is None:
            self._look_in(FIRST)
        elif limit is not None and self._strict == 1:
            self._timer.cancel()
            self._look_in(FIRST)

    def remove(self, session: int) -> int | None:
        """Stop looking, and return the highest memory that was seen, in bytes."""
        watched = self._watched.pop(session)
        self._strict -= watched.limit is not None
        return watched.peak or None

    def _look_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._watched:
            return
        began = time.thread_time()  # on the clock it would be long on a busy machine
        for session, pids in _sessions(self._watched.keys()).items():
            watched = self._watched[session]
            used = sum(pids.values())
            if watched.limit is not None and used > watched.limit:
                used = sum(_proportional(pid, resident) for pid, resident in pids.items())
                if used > watched.limit:
                    watched.exceeded()
            watched.peak = max(watched.peak or 0, used)
        cost = time.thread_time() - began
        self._look_in(max(STRICT if self._strict else LOOSE, cost / SHARE))


def _sessions(wanted: object) -> dict[int, dict[int, int]]:
    """Resident memory in bytes by process, of the sessions that are wanted."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for name in _numbers():
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:
                text = stat.read()
        except OSError:  # ended meanwhile
            continue
        # After the name in brackets, which may hold anything: state, parent, group, session, …
        fields = text[text.rindex(b")") + 2 :].split(b" ", 22)
        session = int(fields[3])
        if session in wanted:  # type: ignore[operator] # a view of keys
            found[session][int(name)] = int(fields[21]) * _PAGE
    return found


def _numbers() -> list[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _proportional(pid: int, resident: int) -> int:
    """Memory of a process in bytes, where shared pages count by their share.

    What the kernel will not tell counts as it seemed; a process that is gone counts nothing.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
            return next((int(x.split()[1]) * 1024 for x in rollup if x.startswith(b"Pss:")), 0)
    except PermissionError:
        return resident
    except OSError:
        return 0
