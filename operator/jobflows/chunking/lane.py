"""Where a worker's claims come from: the shared counter, or a pipe."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from jobflows.chunking.board import WAITING, Board
from jobflows.chunking.frames import HEADER, load
from jobflows.chunking.order import Order

Flush = Callable[[], None]


class Lane(Protocol):
    """Of one worker, in its process."""

    def take(self, wanted: int, flush: Flush) -> tuple[int, Sequence[Any]] | None:
        """The first position and its items; None when there is no more for this worker.

        `flush` is called before it waits for some: others may wait for what this worker has.
        """

    def index(self, position: int) -> int:
        """Which item this is."""

    def give_back(self, start: int, end: int) -> bool:
        """Leave positions that were taken to others; False if that cannot be."""

    def sent(self, start: int, end: int) -> None:
        """All that was taken is sent, up to `start` of the last claim, which ends at `end`."""


class CounterLane:
    """Items that the worker has since it was forked, claimed from the shared counter."""

    def __init__(  # noqa: PLR0917 - one caller
        self, board: Board, slot: int, items: Sequence[Any], order: Order, sharers: int, bell: int
    ) -> None:
        self._board = board
        self._slot = slot
        self._items = items
        self._sliced = isinstance(items, list | tuple | range)
        self._order = order
        self._sharers = sharers
        self._bell = bell

    def take(self, wanted: int, flush: Flush) -> tuple[int, Sequence[Any]] | None:
        board = self._board
        waiting = board.slot(self._slot) + WAITING
        while (claim := board.claim(self._slot, wanted, self._sharers)) is None:
            if board.is_over:
                return None
            if board.words[waiting]:
                flush()
                os.read(self._bell, 1)
                board.words[waiting] = 0
            else:
                board.words[waiting] = 1  # and look again, for what came before this was seen
        board.words[waiting] = 0
        start, end = claim
        indices = self._order.indices(start, end)
        items = self._items
        if self._sliced and isinstance(indices, range):
            return start, items[indices[0] : indices[-1] + 1]
        return start, [items[index] for index in indices]

    def index(self, position: int) -> int:
        return self._order.index(position)

    def give_back(self, start: int, end: int) -> bool:
        return self._board.give_back(self._slot, start, end)

    def sent(self, start: int, end: int) -> None:
        self._board.sent(self._slot, start, end)


class PipeLane:
    """Items that the collector sends, because the worker cannot have them otherwise."""

    def __init__(self, inbox: int) -> None:
        self._inbox = inbox
        self._poll = select.poll()
        self._poll.register(inbox, select.POLLIN)
        self._indices: Sequence[int] = ()
        self._start = 0

    def take(self, wanted: int, flush: Flush) -> tuple[int, Sequence[Any]] | None:  # noqa: ARG002
        if not self._poll.poll(0):
            flush()
        head = _read(self._inbox, HEADER.size)
        if not head:
            return None
        _, _, length, pickled, buffers = HEADER.unpack(head)
        body = _read(self._inbox, length)
        if not body:
            return None
        self._start, self._indices, items = load(body, pickled, buffers)
        return self._start, items

    def index(self, position: int) -> int:
        return self._indices[position - self._start]

    def give_back(self, start: int, end: int) -> bool:  # noqa: ARG002 - the collector knows
        return False

    def sent(self, start: int, end: int) -> None:
        """The collector keeps what it has sent until its result comes."""


def _read(fd: int, length: int) -> memoryview:
    """So many bytes, or none at the end of the pipe."""
    body = memoryview(bytearray(length))
    filled = 0
    while filled < length:
        count = os.readv(fd, [body[filled:]])
        if not count:
            return body[:0]
        filled += count
    return body
