"""One process and everything it starts: a session of its own, ended as a whole.

Like the pid namespace of a container, the group ends with its leader: a background process that a
shell left behind is killed when the shell is done. The end of a leader is announced by a pidfd on
Linux, by a waiting thread elsewhere; asyncio's own subprocesses cost several times as much a
process, and streams that nobody needs here.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from jobflows.local.command import Command

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes of a shell for a command that is not there, or cannot be run."""


class Watch(Protocol):
    """Who makes sure that a group ends even when this program is killed; see `guard.py`."""

    def add(self, group: int) -> None: ...
    def remove(self, group: int) -> None: ...


class Process:
    """A running command. `exited` resolves to its exit code, 128 + n after signal n."""

    def __init__(self, command: Command, watch: Watch) -> None:
        """Start it. Raises `OSError` when it cannot be started."""
        log = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._popen = subprocess.Popen(
                command.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=command.cwd,
                env=command.env,
                start_new_session=True,
                close_fds=False,  # nothing of ours is inheritable, and looking for it takes time
            )
        finally:
            os.close(log)
        self.pid = self._popen.pid
        self._watch = watch
        watch.add(self.pid)
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = loop.create_future()
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
        code = self._popen.wait()
        self._watch.remove(self.pid)
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        if not self.exited.done():
            self.exited.set_result(code if code >= 0 else 128 - code)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS says EPERM
            os.killpg(self.pid, number)


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
