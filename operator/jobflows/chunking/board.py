"""What the processes of a run share: a counter of claims, a journal for each worker, and switches.

It is one anonymous file mapped by all of them, read and written as 64-bit words, and locked with
`lockf`, which the kernel releases when its holder is killed. A claim costs two system calls and a
few stores. Everything is written in an order that keeps it true if the writer dies in between:
- a claim is in its worker's journal before the counter says that it is taken;
- it leaves the journal after its results are sent, so a result may be sent and still be in there,
  but no item is in neither. Who reads the results knows which ones it has.
"""

from __future__ import annotations

import fcntl
import importlib
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager

NEXT, TOTAL, LIMIT, HALT, EACH, RETURNED = range(6)
"""Words of the run. Positions below NEXT are claimed; TOTAL is how many there are, and LIMIT up to
which they may be claimed now. HALT ends it; EACH has workers say of each item that they begin it;
RETURNED is how many ranges were given back."""
_TABLE = 8
RETURNS = 256
"""Ranges that can be given back at a time."""
_SLOTS = _TABLE + 2 * RETURNS

JOURNAL = 16
"""Claims a worker may hold that are not sent."""
CLAIMS, CURSOR, PART, SINCE, DONE, BUSY, SQUARES, WALL, CPU, DELAY, LONGEST = range(11)
RETIRE, WAITING, READ, WANTED, HELD = range(11, 16)
"""Words of a worker. From position CURSOR on it works on PART items, since SINCE. Times are in
nanoseconds: BUSY in the function, and SQUARES the sum of their squares, a float. WALL is what BUSY
was when it was last asked how long it was on a core (CPU) and ready without one (DELAY). RETIRE
asks it to go, WAITING is set while it sleeps for the limit, READ is how many of its frames the
collector has taken out of the ring, WANTED how many items it works on at once, and HELD how many
claims are in its journal."""
_JOURNAL_AT = 16
SLOT_WORDS = _JOURNAL_AT + 2 * JOURNAL


class Board:
    """Shared by a collector and at most `slots` workers, each of which also has a ring of bytes.

    `fd` is that of a board that exists, for a worker that has not inherited it.
    """

    def __init__(self, slots: int, ring_bytes: int, fd: int | None = None) -> None:
        self.slots = slots
        self.ring_bytes = ring_bytes
        words = _SLOTS + slots * SLOT_WORDS
        self._rings_at = -(-words * 8 // mmap.PAGESIZE) * mmap.PAGESIZE
        size = self._rings_at + slots * ring_bytes
        self.fd = fd if fd is not None else _anonymous_file(size)
        self._map = mmap.mmap(self.fd, size)
        self._bytes = memoryview(self._map)
        self.words = self._bytes[: words * 8].cast("q")
        self.floats = self._bytes[: words * 8].cast("d")

    def close(self) -> None:
        """Let go of the memory; the kernel frees it when the last process has."""
        self.words.release()
        self.floats.release()
        self._bytes.release()
        self._map.close()
        os.close(self.fd)

    def ring(self, slot: int) -> memoryview:
        """The bytes through which a worker hands over large results."""
        at = self._rings_at + slot * self.ring_bytes
        return self._bytes[at : at + self.ring_bytes]

    def slot(self, number: int) -> int:
        """Where a worker's words begin."""
        return _SLOTS + number * SLOT_WORDS

    def clear(self, number: int) -> None:
        """Make a slot ready for another worker."""
        at = self.slot(number)
        for word in range(at, at + SLOT_WORDS):
            self.words[word] = 0
        self.words[at + CURSOR] = -1

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among all processes; not among threads of one."""
        fcntl.lockf(self.fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self.fd, fcntl.LOCK_UN)

    def claim(self, slot: int, wanted: int, sharers: int) -> tuple[int, int] | None:
        """Take up to `wanted` positions, but no more than half a fair share of what is left.

        None: there is nothing to take, now or ever; see `is_over`.
        """
        words, at = self.words, self.slot(slot)
        fcntl.lockf(self.fd, fcntl.LOCK_EX)
        try:
            if words[HALT]:
                return None
            returned = words[RETURNED]
            if returned:
                top = _TABLE + 2 * (returned - 1)
                start, end = words[top], words[top + 1]
                self._write_claim(at, start, end)
                words[RETURNED] = returned - 1
                return start, end
            start = words[NEXT]
            left = min(words[TOTAL], words[LIMIT]) - start
            if left <= 0:
                return None
            end = start + max(1, min(wanted, -(-left // (2 * sharers))))
            self._write_claim(at, start, end)
            words[NEXT] = end
            return start, end
        finally:
            fcntl.lockf(self.fd, fcntl.LOCK_UN)

    def _write_claim(self, at: int, start: int, end: int) -> None:
        words = self.words
        entry = at + _JOURNAL_AT + 2 * words[at + HELD]
        words[entry] = start
        words[entry + 1] = end
        words[at + HELD] += 1

    def sent(self, slot: int, start: int, end: int) -> None:
        """All results of a worker are sent, up to `start` of its claim that ends at `end`."""
        words, at = self.words, self.slot(slot)
        if start >= end:
            words[at + HELD] = 0
            return
        entry = at + _JOURNAL_AT
        last = entry + 2 * (words[at + HELD] - 1)
        words[last] = start
        if last != entry:
            words[entry + 1] = 0  # what stood here is sent, and is empty until its end is written
            words[entry] = start
            words[entry + 1] = end
            words[at + HELD] = 1

    def give_back(self, slot: int, start: int, end: int) -> bool:
        """Let others have the end of the newest claim; False if there is no room to say so."""
        words, at = self.words, self.slot(slot)
        with self.locked():
            returned = words[RETURNED]
            if returned >= RETURNS:
                return False
            self._put(returned, start, end)
            words[at + _JOURNAL_AT + 2 * (words[at + HELD] - 1) + 1] = start
        return True

    def put_back(self, start: int, end: int) -> bool:
        """Have a range done anew; for the collector. False if there is no room to say so."""
        with self.locked():
            returned = self.words[RETURNED]
            if returned >= RETURNS:
                return False
            self._put(returned, start, end)
        return True

    def _put(self, returned: int, start: int, end: int) -> None:
        entry = _TABLE + 2 * returned
        self.words[entry], self.words[entry + 1] = start, end
        self.words[RETURNED] = returned + 1

    def set_limit(self, limit: int) -> None:
        """Let workers claim positions below this one."""
        with self.locked():
            self.words[LIMIT] = limit

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to claim, also not later."""
        words = self.words
        return words[HALT] != 0 or (words[NEXT] >= words[TOTAL] and not words[RETURNED])

    def held(self, slot: int) -> list[tuple[int, int]]:
        """What a dead worker had claimed and may not have sent; it may be held twice, or taken.

        A claim whose taking was cut short is not in it.
        """
        words, at = self.words, self.slot(slot)
        entry = at + _JOURNAL_AT
        with self.locked():
            ranges = [
                (words[entry + 2 * i], words[entry + 2 * i + 1]) for i in range(words[at + HELD])
            ]
            offered = {
                (words[_TABLE + 2 * i], words[_TABLE + 2 * i + 1]) for i in range(words[RETURNED])
            }
            untaken = words[NEXT]
        return [
            (start, min(end, untaken))
            for start, end in ranges
            if start < min(end, untaken) and (start, end) not in offered
        ]


def _anonymous_file(size: int) -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("jobflow-map")
    else:  # macOS: unlinked at once, so that nothing can be left behind
        tempfile = importlib.import_module("tempfile")  # 5 ms that Linux can do without
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd
