"""Items of an iterator, or for processes that inherit nothing: sent to workers in blocks."""

from __future__ import annotations

import os
import pickle
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from jobflows.chunking.board import WANTED, Board
from jobflows.chunking.errors import ItemError, show
from jobflows.chunking.frames import ITEMS, Segment, inline
from jobflows.chunking.lane import Lane, PipeLane
from jobflows.chunking.supply import Batch, Indexed

BLOCK_NS = 10_000_000
"""Work in a block that is sent: a round trip costs about 100 µs."""
FIRST_BLOCK = 1
READ_SECONDS = 0.005
"""Time in which items are read before workers are looked after again."""
SPARE = 4
"""Items that a worker of many threads has beyond those it works on."""


class Fed:
    """Items from an iterator, sent in blocks; of these not more than up to a limit are read.

    A worker that works on several items at once says on the board how many it wants. The iterator
    is read by the collector, in its thread, as a loop would: what is made for one thread, as the
    rows of a data base, can be given. While it waits for an item, results wait too.
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
        self._refused: list[Batch] = []

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
        self.parted(slot)
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

    def serve(self, mean_ns: float) -> Sequence[Batch]:
        until = time.monotonic() + READ_SECONDS
        size = max(1, int(BLOCK_NS / mean_ns)) if mean_ns else FIRST_BLOCK
        for slot in sorted(self._inbox, key=lambda slot: len(self._held[slot])):
            self._push(slot)
            at_once = self._board.words[self._board.slot(slot) + WANTED]
            block_size, enough = (1, at_once + SPARE) if at_once else (size, size + 1)
            while len(self._held[slot]) < enough and not self._unsent[slot]:
                block = self._block(block_size, until)
                if not block:
                    break
                self._send(slot, block)
        return self._refusals()

    def parted(self, slot: int) -> None:
        self._inbox.pop(slot, None)
        self._unsent.pop(slot, None)

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

    def _block(self, size: int, until: float) -> Sequence[Indexed]:
        if self._again:
            return self._again.popleft()
        if self._allowed is not None:
            size = min(size, self._allowed - self._read)
        block: list[Indexed] = []
        step = 1
        while len(block) < size and not self._exhausted and time.monotonic() < until:
            wanted = min(step, size - len(block))
            piece = list(islice(self._items, wanted))
            block += piece
            self._exhausted = len(piece) < wanted
            step *= 2
        self._read += len(block)
        return block

    def _send(self, slot: int, block: Sequence[Indexed]) -> None:
        try:
            parts = self._frame(block)
        except Exception:  # noqa: BLE001 - whatever an item's own pickling raises
            block = [known for known in block if self._is_sendable(known)]
            parts = self._frame(block)
        for position, known in enumerate(block, self._next):
            self._pending[position] = known
            self._held[slot][position] = None
        self._next += len(block)
        self._unsent[slot].extend(memoryview(part).cast("B") for part in parts)
        self._push(slot)

    def _frame(self, block: Sequence[Indexed]) -> list[bytes | memoryview]:
        indices, items = [index for index, _ in block], [item for _, item in block]
        return inline(ITEMS, (self._next, indices, items))

    def _is_sendable(self, known: Indexed) -> bool:
        index, item = known
        try:
            pickle.dumps(item, 5)
        except Exception as error:  # noqa: BLE001 - whatever an item's own pickling raises
            words = (
                f"it cannot be sent to a worker ({error}): give items that can be pickled, a list "
                "with start_method='fork', or executor='thread'"
            )
            failure = ItemError(index, show(item), "exception", words)
            self._refused.append(Batch((index,), (failure,), 1))
            return False
        return True

    def _refusals(self) -> Sequence[Batch]:
        """Items that could not be sent, since this was asked."""
        refused, self._refused = self._refused, []
        return refused

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
