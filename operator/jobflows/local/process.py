"""One process and everything it starts: a session of its own, ended as a whole.

Like the pid namespace of a container, the group ends with its leader: a background process that a
shell left behind is killed when the shell is done. The end of a leader is announced by a pidfd on
Linux, by a waiting thread elsewhere; asyncio's own subprocesses cost several times as much a
process, and streams that nobody needs here.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from jobflows.local.cgroup import Cgroup, Cgroups
from jobflows.local.command import Command
from jobflows.local.meter import Meter
from jobflows.local.usage import Usage

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes of a shell for a command that is not there, or cannot be run."""


class Watch(Protocol):
    """Who makes sure that a group ends even when this program is killed; see `guard.py`."""

    def add(self, group: int) -> None: ...
    def remove(self, group: int) -> None: ...


class Exit(NamedTuple):
    """How a command ended: its exit code, 128 + n after signal n, and what it has used."""

    code: int
    usage: Usage
    out_of_memory: bool
    """Whether it, or something that it started, was killed because it had used up its memory."""


@dataclass(frozen=True, slots=True)
class Host:
    """What looks after the processes of a run."""

    watch: Watch
    meter: Meter
    cgroups: Cgroups | None
    """Where memory limits are kept by the kernel; None where they are measured."""


class Process:
    """A running command. `exited` resolves to its `Exit`."""

    def __init__(self, command: Command, host: Host) -> None:
        """Start it. Raises `OSError` when it cannot be started."""
        argv = command.argv
        self._host = host
        self._group = _group(command, host)
        if self._group is not None:
            argv = self._group.enter(argv)
        log = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=command.cwd,
                env=command.env,
                start_new_session=True,
                close_fds=False,  # nothing of ours is inheritable, and looking for it takes time
            )
        except BaseException:
            self._remove_group()
            raise
        finally:
            os.close(log)
        self.pid = self._popen.pid
        host.watch.add(self.pid)
        self._exceeded = False
        measured = command.memory if self._group is None else None
        host.meter.add(self.pid, measured, self._exceed)
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[Exit] = loop.create_future()
        self._kill_timer: asyncio.TimerHandle | None = None
        _when_ended(self.pid, loop, self._ended)

    def stop(self, grace: float) -> None:
        """Ask the group to end, and kill it after `grace` seconds."""
        if self.exited.done() or self._kill_timer is not None:
            return
        self._signal(signal.SIGTERM if grace > 0 else signal.SIGKILL)
        self._kill_timer = asyncio.get_running_loop().call_later(grace, self.kill)

    def kill(self) -> None:
        """End the group at once."""
        if not self.exited.done():
            self._signal(signal.SIGKILL)

    def _ended(self) -> None:
        # The leader is a zombie until it is waited for below, so its number cannot belong to
        # somebody else yet.
        self._signal(signal.SIGKILL)
        code, cpu_seconds, peak = _wait(self._popen)
        self._host.watch.remove(self.pid)
        peaks = [self._host.meter.remove(self.pid), peak]
        kills = 0
        if self._group is not None:
            kills = self._group.kills
            if kills or not any(
                peaks
            ):  # otherwise it counts files, which need no memory of their own
                peaks.append(self._group.peak)
            self._remove_group()
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        usage = Usage(max((p for p in peaks if p is not None), default=None), cpu_seconds)
        if not self.exited.done():
            self.exited.set_result(Exit(code, usage, bool(code) and (self._exceeded or kills > 0)))

    def _exceed(self) -> None:
        """It uses more memory than it may: the end is the one that the kernel would have made."""
        self._exceeded = True
        self._signal(signal.SIGKILL)

    def _remove_group(self) -> None:
        if self._group is not None:
            self._group.remove()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS says EPERM
            os.killpg(self.pid, number)


def _group(command: Command, host: Host) -> Cgroup | None:
    """A control group for a command with a memory limit, if the machine can have one.

    A command that does not exist is left to fail as itself, not as the shell that enters the group.
    """
    if command.memory is None or host.cgroups is None:
        return None
    path = os.fsdecode(command.env.get(b"PATH", os.defpath.encode()))
    if shutil.which(command.argv[0], path=path) is None:
        return None
    return host.cgroups.create(command.memory)


def _wait(popen: subprocess.Popen[bytes]) -> tuple[int, float, int | None]:
    """Reap a process: its exit code, CPU seconds, and peak memory in bytes if that is its own."""
    _, status, used = os.wait4(popen.pid, 0)
    code = popen.returncode = os.waitstatus_to_exitcode(status)  # or Popen would wait once more
    peak = used.ru_maxrss * _MAXRSS_UNIT
    # A process begins as a copy of this one, and Linux counts that in its peak.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT
    return (
        code if code >= 0 else 128 - code,
        used.ru_utime + used.ru_stime,
        peak if peak > own else None,
    )


def _when_ended(pid: int, loop: asyncio.AbstractEventLoop, ended: Callable[[], None]) -> None:
    """Call `ended` from the loop when the child can be waited for."""
    try:
        fd = os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or too many open files
        _when_ended_by_thread(pid, loop, ended)
        return

    def readable() -> None:
        loop.remove_reader(fd)
        os.close(fd)
        ended()

    loop.add_reader(fd, readable)


def _when_ended_by_thread(
    pid: int, loop: asyncio.AbstractEventLoop, ended: Callable[[], None]
) -> None:
    def wait() -> None:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        loop.call_soon_threadsafe(ended)

    threading.Thread(target=wait, daemon=True).start()
