"""The runner's end of the pipe to its guard (`guard.py`)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType

from jobflows.local import guard

PATIENCE = 5.0
"""Seconds the guard may take to clean up after a run."""


class Watchdog:
    """Tells the guard which process groups are alive; as a context it covers one run."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Watchdog:
        # -I -S: no site, no user's environment; up in ten milliseconds, beside the run. Its
        # environment is empty, so that the guard of an outer run does not take it for a step.
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(guard.__file__)), self._mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
            bufsize=0,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._guard = self._guard, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def add(self, group: int) -> None:
        """A process group lives."""
        self._say(f"+{group}\n")

    def remove(self, group: int) -> None:
        """A process group is gone, and its number may soon be somebody else's."""
        self._say(f"-{group}\n")

    def _say(self, line: str) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            try:
                self._guard.stdin.write(line.encode())
            except BrokenPipeError:
                pass  # somebody killed the guard; the run itself goes on
