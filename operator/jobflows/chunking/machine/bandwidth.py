"""How many bytes a second workers move to and from memory together, measured if that is cheap.

One core cannot use all of a machine's memory channels, so as many processes as there are to be
workers copy at the same time, each a block of its own that is too large for the caches. That takes
memory and a tenth of a second or more, which is why nobody does it unasked. Where it cannot be
measured within reason the answer is None: a number from a table of processors would be of another
machine.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from contextlib import suppress
from functools import lru_cache

from jobflows.chunking.machine.memory import available_memory
from jobflows.chunking.machine.topology import caches

SMALLEST = 8 << 20
"""Bytes of a block, where the caches are smaller than this."""
COPIES = 1
"""Of each block, after one that made the target."""
MOST_MEMORY = 512 << 20
"""Bytes of all blocks. Servers with larger caches go without an answer."""
SHARE = 8
"""… and they may take one part in so many of the memory that is left."""


def memory_bandwidth(workers: int) -> float | None:
    """Return bytes a second, read and written, of so many workers; measured once a process.

    None if the caches are not known, if the blocks would take too much memory, or if this process
    cannot fork because of the system or because other threads run.
    """
    block = block_size(workers, sum(cache.size for cache in caches() if cache.level >= 3))
    if block is None or 2 * block * workers > available_memory() // SHARE:
        return None
    if not hasattr(os, "fork") or threading.active_count() > 1:
        return None
    return _measured(workers, block)


def block_size(workers: int, cached: int) -> int | None:
    """Return the bytes that each worker copies, so that no cache of `cached` bytes holds them."""
    if workers < 1 or cached <= 0:
        return None
    block = max(SMALLEST, 2 * cached // workers)
    return block if 2 * block * workers <= MOST_MEMORY else None


@lru_cache(maxsize=16)
def _measured(workers: int, block: int) -> float | None:
    gate, opener = os.pipe()
    results, teller = os.pipe()
    copiers: list[int] = []
    try:
        for _ in range(workers):
            copiers.append(_start_copier(block, gate, opener, teller))
        os.close(teller)
        teller = -1  # from now on the pipe ends when all copiers have ended
        with os.fdopen(results, "rb", buffering=0, closefd=False) as told:
            ready = sum(told.read(1) == b"+" for _ in copiers)
            os.write(opener, b"g" * ready)
            seconds = [float(word) for word in told.readall().split()]
    except OSError:
        return None
    finally:
        for end in (gate, opener, results, teller):
            if end >= 0:
                os.close(end)  # without an opener, a copier that waits at the gate gives up
        for copier in copiers:
            with suppress(ChildProcessError):
                os.waitpid(copier, 0)
    if len(seconds) < workers:
        return None
    return sum(2 * COPIES * block / took for took in seconds)


def _start_copier(block: int, gate: int, opener: int, teller: int) -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns of threads of libraries: the child takes none of their locks.
        warnings.simplefilter("ignore", DeprecationWarning)
        copier = os.fork()
    if copier:
        return copier
    try:
        os.close(opener)
        source = b"x" * block
        target = bytearray(source)
        os.write(teller, b"+")
        if os.read(gate, 1):
            begun = time.perf_counter()
            for _ in range(COPIES):
                target[:] = source
            os.write(teller, b"%f " % (time.perf_counter() - begun))
    finally:
        os._exit(0)
