"""What the collector does to processes, and when nothing may be done to it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def undisturbed() -> Iterator[None]:
    """Without Ctrl-C and SIGTERM: nobody would know of a worker whose start they cut short."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def kill(pid: int) -> None:
    """End a worker, and the programs that its items have started."""
    for end in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):  # gone, or not yet a group of its own
            end(pid, signal.SIGKILL)
