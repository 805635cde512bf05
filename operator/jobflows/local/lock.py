"""One run has one runner: the holder of a file lock.

The kernel gives the lock back when the last process that holds it is gone, so nobody has to guess
from a process number whether a runner lives. The guard of a runner holds the lock, too: a runner
that was killed keeps its run until the guard has killed what was left of it, and so no step ever
runs twice at once.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

FOLDER = "locks"


class RunLock:
    """The lock of one run."""

    def __init__(self, home: Path, run: str) -> None:
        self._file = home / FOLDER / run
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The open file that holds the lock; a child that inherits it holds the lock, too."""
        assert self._descriptor is not None
        return self._descriptor

    def take(self) -> bool:
        """Take it if nobody has it. Raises `OSError` when it cannot be kept there."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def give_back(self) -> None:
        """Let others have it; safe to repeat."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_held(self) -> bool:
        """Whether somebody has it now. Looking never takes it away from somebody who comes now."""
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
