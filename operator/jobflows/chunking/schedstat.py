"""Working or waiting: what the scheduler says.

CPU time over wall time takes a busy machine for a waiting function. The kernel also counts how long
a thread was ready to run and did not get a core; what is neither is waiting. What a function has
other threads or child processes do for it is work too.
"""

from __future__ import annotations

import os
import resource
import time

_PATH = "/proc/thread-self/schedstat"


class Schedule:
    """Of the calling thread and what it has done for it, since this was made."""

    def __init__(self) -> None:
        try:
            self._fd: int | None = os.open(_PATH, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._fd = None
        self._cpu, self._delay = self._times()

    def read(self) -> tuple[int, int]:
        """Nanoseconds that were on cores, and that were spent ready without one."""
        cpu, delay = self._times()
        return cpu - self._cpu, delay - self._delay

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _times(self) -> tuple[int, int]:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = time.process_time_ns() + int((children.ru_utime + children.ru_stime) * 1e9)
        delay = int(os.pread(self._fd, 64, 0).split()[1]) if self._fd is not None else 0
        return cpu, delay


def waiting_share(wall: int, cpu: int, delay: int) -> float:
    """Share of its time that something would wait on a machine with a core for everybody."""
    waited = max(0, wall - cpu - delay)
    return waited / (waited + cpu) if waited else 0.0
