"""What it costs to start a worker, measured by starting some.

A worker is started, says its first word into a pipe and is reaped. What it does after that is not
counted: imports of a fresh interpreter and what a function loads are part of the work. A fork costs
more the more memory the process has, so it is measured in this process, unless other threads run,
which may hold locks that the child would wait for; then, and for a fork server, it is measured in a
fresh interpreter.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
import warnings
from contextlib import suppress
from functools import lru_cache

STARTS = 5
"""The median of so many forks is taken, unless they take longer than this:"""
LONGEST = 0.010
"""Seconds. A process of many gigabytes is forked once, which is exact enough."""

_IN_A_FRESH_ONE = f"""
import os, time
os.write(1, b"x")
for _ in range({STARTS if hasattr(os, "fork") else 0}):
    reader, writer = os.pipe()
    begun = time.perf_counter()
    worker = os.fork()
    if worker == 0:
        os.write(writer, b"x")
        os._exit(0)
    os.read(reader, 1)
    os.waitpid(worker, 0)
    os.write(1, b"%f " % (time.perf_counter() - begun))
"""


def fork_cost() -> float:
    """Return the seconds of a forked worker; infinite if the system has no forks or refuses one."""
    if not hasattr(os, "fork"):
        return math.inf
    if threading.active_count() > 1:
        return forkserver_cost()
    try:
        return _forked()
    except OSError:  # a limit of processes or of memory
        return math.inf


def forkserver_cost() -> float:
    """Return the seconds of a further worker of a fork server, whose own start is a spawn's."""
    return _fresh_or_never()[1]


def spawn_cost() -> float:
    """Return the seconds of a fresh interpreter until its first word; infinite if none starts."""
    return _fresh_or_never()[0]


def _fresh_or_never() -> tuple[float, float]:
    try:
        return _fresh()
    except OSError:
        return math.inf, math.inf


@lru_cache(maxsize=1)
def _forked() -> float:
    begun = time.perf_counter()
    took: list[float] = []
    while not took or (len(took) < STARTS and time.perf_counter() - begun < LONGEST):
        took.append(_fork())
    return _middle(took)


def _fork() -> float:
    reader, writer = os.pipe()
    begun = time.perf_counter()
    try:
        with warnings.catch_warnings():
            # Python 3.12 warns of threads of libraries: the child takes none of their locks.
            warnings.simplefilter("ignore", DeprecationWarning)
            worker = os.fork()
        if worker == 0:
            try:
                os.write(writer, b"x")
            finally:
                os._exit(0)
    finally:
        os.close(writer)
        with os.fdopen(reader, "rb", buffering=0) as words:
            words.read(1)
    with suppress(ChildProcessError):  # if SIGCHLD is ignored, the kernel has reaped it
        os.waitpid(worker, 0)
    return time.perf_counter() - begun


@lru_cache(maxsize=1)
def _fresh() -> tuple[float, float]:
    """Return what an interpreter costs, and a fork of it, where there are forks."""
    import subprocess  # noqa: PLC0415 - heavy, and most processes only fork

    begun = time.perf_counter()
    command = [sys.executable, "-c", _IN_A_FRESH_ONE]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        if started.stdout.read(1) != b"x":
            raise OSError(f"{sys.executable} ended before its first word")
        interpreter = time.perf_counter() - begun
        forks = [float(word) for word in started.stdout.read().split()]
    return interpreter, _middle(forks or [math.inf])


def _middle(took: list[float]) -> float:
    """Return the median; the module of that name would double the time of the import."""
    return sorted(took)[len(took) // 2]
