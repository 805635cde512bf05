"""What is left of processes, as the kernel tells; for tests that kill them."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from multiprocessing import forkserver, resource_tracker
from pathlib import Path


def children(parent: int) -> set[int]:
    """Processes that it started and that have not ended; not those that are gone but unburied."""
    found = set()
    for path in Path("/proc").iterdir():
        if not path.name.isdigit():
            continue
        try:
            state, ppid = (path / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(ppid) == parent and state not in "ZX":
            found.add(int(path.name))
    return found


def workers() -> set[int]:
    """Children of this process, or of its forkserver, but not its standing servants."""
    servants = {_forkserver(), getattr(resource_tracker._resource_tracker, "_pid", None)}
    mine = children(os.getpid())
    server = _forkserver()
    if server is not None:
        mine |= children(server)
    return {pid for pid in mine if pid not in servants}


def _forkserver() -> int | None:
    pid: int | None = getattr(forkserver._forkserver, "_forkserver_pid", None)
    return pid


def shared_memory() -> int:
    """Boards that this process has open or mapped."""
    maps = Path("/proc/self/maps").read_text()
    return maps.count("jobflow-map") + sum("jobflow-map" in name for name in _descriptors())


def descriptors() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


def _descriptors() -> Iterator[str]:
    for fd in os.listdir("/proc/self/fd"):
        try:
            yield os.readlink(f"/proc/self/fd/{fd}")
        except OSError:  # that of the listing itself
            continue


class Watched:
    """A process that is not a child, to be waited for all the same."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = os.pidfd_open(pid)

    def ends(self, seconds: float) -> bool:
        """Whether it ends within that time."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        ended = bool(poll.poll(seconds * 1000))
        if not ended:
            signal.pidfd_send_signal(self._fd, signal.SIGKILL)
        os.close(self._fd)
        return ended
