"""Items of an iterator, or for processes that inherit nothing: sent to workers in blocks."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from jobflows.chunking.board import WANTED, Board
from jobflows.chunking.errors import ItemError
from jobflows.chunking.frames import ITEMS, Segment, inline
from jobflows.chunking.lane import Lane, PipeLane
from jobflows.chunking.supply import Batch, Indexed

BLOCK_NS = 10_000_000
"""Work in a block that is sent: a round trip costs about 100 µs."""
FIRST_BLOCK = 1
SPARE = 4
"""Items that a worker of many threads has beyond those it works on."""


class Fed:
    """Items from an iterator, sent in blocks; of these not more than up to a limit are read.

    A worker that works on several items at once says on the board how many it wants.
    """

    def __init__(self, items: Iterator[Indexed], board: Board, *, limit: int | None) -> None:
        self._items = items
        self._board = board
        self._allowed = limit
        self._read = 0
        self._next = 0
        self._exhausted = False
        self._pending: dict[int, Indexed] = {}
        self._again: deque[Sequence[Indexed]] = deque()
        self._inbox: dict[int, int] = {}
        self._held: dict[int, dict[int, None]] = {}
        self._unsent: dict[int, deque[memoryview]] = {}

    def lane(self, slot: int, inbox: int, sharers: int) -> Lane:  # noqa: ARG002
        return PipeLane(inbox)

    def joined(self, slot: int, inbox: int) -> None:
        os.set_blocking(inbox, False)
        self._inbox[slot] = inbox
        self._held[slot] = {}
        self._unsent[slot] = deque()

    def accept(self, slot: int, part: Segment) -> Iterator[Batch]:
        start, values, failed = part
        held = self._held.get(slot, {})
        indices, fresh = [], []
        for position, value in enumerate(values, start):
            held.pop(position, None)
            known = self._pending.pop(position, None)
            if known is not None:
                indices.append(known[0])
                fresh.append(value)
        if len(fresh) < len(values):
            failed = sum(type(value) is ItemError for value in fresh)
        yield Batch(indices, fresh, failed)

    def give_up(self, slot: int, position: int, value: Any) -> Iterator[Batch]:
        return self.accept(slot, (position, [value], 1))

    def left(self, slot: int) -> Sequence[int]:
        del self._inbox[slot], self._unsent[slot]
        return [p for p in self._held.pop(slot) if p in self._pending]

    def item(self, position: int) -> Indexed:
        return self._pending[position]

    def again(self, positions: Sequence[int], alone: int | None) -> None:
        if alone is not None:
            self._again.append([self._pending.pop(alone)])
        rest = [self._pending.pop(p) for p in positions if p != alone]
        if rest:
            self._again.append(rest)

    def allow(self, limit: int) -> None:
        """Let so many items in all be read."""
        self._allowed = max(limit, self._allowed or 0)

    def serve(self, mean_ns: float) -> None:
        size = max(1, int(BLOCK_NS / mean_ns)) if mean_ns else FIRST_BLOCK
        for slot in list(self._inbox):
            self._push(slot)
            at_once = self._board.words[self._board.slot(slot) + WANTED]
            block_size, enough = (1, at_once + SPARE) if at_once else (size, size + 1)
            while len(self._held[slot]) < enough and not self._unsent[slot]:
                block = self._block(block_size)
                if not block:
                    break
                self._send(slot, block)

    def unread(self) -> Sequence[int]:
        return [self._inbox[slot] for slot, parts in self._unsent.items() if parts]

    def halt(self) -> None:
        """Workers look at the board between two items; those that wait for some see this."""

    def leftover(self) -> Iterator[Indexed]:
        return chain(chain.from_iterable(self._again), self._items)

    @property
    def has_work(self) -> bool:
        return bool(self._again) or not self._exhausted

    @property
    def is_done(self) -> bool:
        return self._exhausted and not self._pending and not self._again

    def _block(self, size: int) -> Sequence[Indexed]:
        if self._again:
            return self._again.popleft()
        block: list[Indexed] = []
        while len(block) < size and not self._exhausted:
            if self._allowed is not None and self._read >= self._allowed:
                break
            try:
                block.append(next(self._items))
                self._read += 1
            except StopIteration:
                self._exhausted = True
        return block

    def _send(self, slot: int, block: Sequence[Indexed]) -> None:
        start, self._next = self._next, self._next + len(block)
        for position, known in enumerate(block, start):
            self._pending[position] = known
            self._held[slot][position] = None
        indices, items = [index for index, _ in block], [item for _, item in block]
        parts = inline(ITEMS, (start, indices, items))
        self._unsent[slot].extend(memoryview(part).cast("B") for part in parts)
        self._push(slot)

    def _push(self, slot: int) -> None:
        parts = self._unsent[slot]
        try:
            while parts:
                sent = os.write(self._inbox[slot], parts[0])
                if sent == len(parts[0]):
                    parts.popleft()
                else:
                    parts[0] = parts[0][sent:]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it is gone, and about to be noticed
            parts.clear()
