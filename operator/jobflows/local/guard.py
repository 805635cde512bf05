"""Outlives the runner by a moment, so that nothing outlives the run.

The runner starts this file as a small process of its own session and holds a pipe to it. However
the runner ends (`kill -9`, the OOM killer, a closed terminal), the pipe closes, and the guard kills
what is left: the process groups in the table that it shares with the runner, and on Linux also
whatever carries the run's mark in its environment, which finds daemons that left their group and
processes that were started in the very moment of the runner's death. `PR_SET_PDEATHSIG` would reach
a step's first process only, and not the ones that a shell starts.

It inherits the lock of the run (`lock.py`), too: nobody takes the run over before this is done.
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
    kill_marked(mark)


def kill_marked(mark: str) -> None:
    """Kill whatever carries the mark of a run in its environment, but this process."""
    wanted = f"{MARK}={mark}".encode()
    for _ in range(100):  # a process that is being copied shows up in the next round
        unsure = False
        for pid in _processes() - {os.getpid()}:
            environment = _environment(pid)
            if environment is None:
                unsure = True
            elif wanted in environment:
                unsure = True
                _kill(pid)
        if not unsure:
            break


def _processes() -> set[int]:
    try:
        return {int(name) for name in os.listdir("/proc") if name.isdigit()}
    except OSError:
        return set()


def _environment(pid: int) -> list[bytes] | None:
    """The variables of a process; None while it becomes another program and shows none."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:
            variables = environ.read()
        if not variables and not _has_none(pid):
            return None
    except OSError:  # ended meanwhile, or somebody else's
        return []
    return variables.split(b"\0")


def _has_none(pid: int) -> bool:
    """Whether an environment is empty for good: of no length, at a place that is known."""
    with open(f"/proc/{pid}/stat", "rb") as stat:
        fields = stat.read().rpartition(b")")[2].split()  # the name before may hold anything
    size, begins, ends = fields[20], fields[47], fields[48]
    return size == b"0" or begins == ends != b"0"


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
