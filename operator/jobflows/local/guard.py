"""Outlives the runner by a moment, so that nothing outlives the run.

The runner starts this file as a small process of its own session and holds a pipe to it. However
the runner ends (`kill -9`, the OOM killer, a closed terminal), the pipe closes, and the guard kills
what is left: the process groups in the table that it shares with the runner, and on Linux also
whatever carries the run's mark in its environment, which finds daemons that left their group and
processes that were started in the very moment of the runner's death. `PR_SET_PDEATHSIG` would reach
a step's first process only, and not the ones that a shell starts.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from contextlib import suppress

MARK = "JOBFLOW_RUN"
"""Variable that every process of a run carries."""

SLOT = struct.Struct("i")
"""An entry of the table: the number of a living process group, or 0."""


def main(mark: str, table: int) -> None:
    """Wait until the runner is gone, then kill what is left. `table` is a file descriptor."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    size = os.fstat(table).st_size
    for (group,) in SLOT.iter_unpack(os.pread(table, size, 0)):
        if group:
            _kill(-group)
    for _ in range(100):  # a process that is being copied shows up in the next round
        marked = _marked(f"{MARK}={mark}".encode())
        if not marked:
            break
        for pid in marked:
            _kill(pid)


def _marked(mark: bytes) -> list[int]:
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    return [pid for pid in pids if mark in _environment(pid)]


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:
            return environ.read().split(b"\0")
    except OSError:  # ended meanwhile, or somebody else's
        return []


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
