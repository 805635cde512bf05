"""The runner's side of its guard (`guard.py`): a pipe that says "alive", and a shared table.

The table is memory, so that a process costs nothing here: a line through the pipe would wake the
guard twice a task, which took a tenth of the throughput.
"""

from __future__ import annotations

import mmap
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from jobflows.local import guard
from jobflows.local.lock import RunLock

PATIENCE = 5.0
"""Seconds the guard may take to clean up after a run."""

SLOTS = 64 * 1024
"""Process groups alive at once, at most; the pages of the table exist when they are used."""


class Watchdog:
    """Tells the guard which process groups are alive; as a context it covers one run."""

    def __init__(self, mark: str, lock: RunLock) -> None:
        self._mark = mark
        self._lock = lock
        self._guard: subprocess.Popen[bytes] | None = None
        self._table: mmap.mmap | None = None
        self._slots: dict[int, int] = {}
        self._free: list[int] = []

    def __enter__(self) -> Watchdog:
        with tempfile.TemporaryFile() as file:
            file.truncate(SLOTS * guard.SLOT.size)
            self._table = mmap.mmap(file.fileno(), 0)
            # -I -S: no site, no user's environment; up in ten milliseconds, beside the run. Its
            # environment is empty, so that the guard of an outer run does not take it for a step.
            self._guard = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", str(Path(guard.__file__))),
                    *(self._mark, str(file.fileno())),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[file.fileno(), self._lock.descriptor],
                cwd="/",
                env={},
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._guard = self._guard, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._table is not None:
            self._table.close()
            self._table = None

    def add(self, group: int) -> None:
        """A process group lives."""
        slot = self._free.pop() if self._free else len(self._slots)
        if slot < SLOTS and self._table is not None:
            self._slots[group] = slot
            guard.SLOT.pack_into(self._table, slot * guard.SLOT.size, group)

    def remove(self, group: int) -> None:
        """A process group is gone, and its number may soon be somebody else's."""
        slot = self._slots.pop(group, None)
        if slot is not None and self._table is not None:
            guard.SLOT.pack_into(self._table, slot * guard.SLOT.size, 0)
            self._free.append(slot)
