"""Room for large results: a page of memory that is touched first costs more than its bytes.

A megabyte of fresh memory is 245 faults, which take ten times as long as copying the bytes into it.
Huge pages take a fault for two megabytes, but only memory of that size has any, so neighbours share
it. It is given back when the last of them is forgotten.
"""

from __future__ import annotations

import mmap

SIZE = 8 << 20
"""Bytes that are taken at a time, and that one small array may keep alive."""
ALIGNED = 64
"""Bytes of a cache line; all arrays begin on one."""

_HUGE = getattr(mmap, "MADV_HUGEPAGE", None)


class Arena:
    """Hands out memory from one mapping after the other; not for threads."""

    def __init__(self) -> None:
        self._left: memoryview | None = None

    def room(self, length: int) -> memoryview:
        """So many bytes, which are the caller's."""
        if _HUGE is None:
            return memoryview(bytearray(length))
        if length > SIZE // 2:
            return _map(length)
        if self._left is None or len(self._left) < length:
            self._left = _map(SIZE)
        taken = self._left[:length]
        self._left = self._left[-(-length // ALIGNED) * ALIGNED :]
        return taken


def _map(length: int) -> memoryview:
    fresh = mmap.mmap(-1, max(1, length), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if _HUGE is not None:
        fresh.madvise(_HUGE)
    return memoryview(fresh)[:length]
