"""Items that are there when workers are forked, and claimed from the shared counter."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from jobflows.chunking.board import LIMIT, TOTAL, WAITING, Board
from jobflows.chunking.errors import ItemError
from jobflows.chunking.frames import Segment
from jobflows.chunking.lane import CounterLane, Lane
from jobflows.chunking.order import Order
from jobflows.chunking.supply import Batch, Indexed


class Counted:
    """Positions of an order over items that every worker has."""

    def __init__(self, items: Sequence[Any], order: Order, board: Board, limit: int | None) -> None:
        self._items = items
        self._order = order
        self._board = board
        self._has = bytearray(order.count)
        self._left = order.count
        self._waiting: list[tuple[int, int]] = []
        self._bells: dict[int, int] = {}
        board.words[TOTAL] = order.count
        board.words[LIMIT] = order.count if limit is None else limit

    def lane(self, slot: int, inbox: int, sharers: int) -> Lane:
        return CounterLane(self._board, slot, self._items, self._order, sharers, inbox)

    def joined(self, slot: int, inbox: int) -> None:
        self._bells[slot] = inbox

    def accept(self, slot: int, part: Segment) -> Iterator[Batch]:  # noqa: ARG002
        start, values, failed = part
        has, end = self._has, start + len(values)
        indices = self._order.indices(start, end)
        if has.find(1, start, end) < 0:
            has[start:end] = b"\1" * len(values)
            self._left -= len(values)
            yield Batch(indices, values, failed)
            return
        for position, index, value in zip(range(start, end), indices, values, strict=True):
            if not has[position]:
                has[position] = 1
                self._left -= 1
                yield Batch((index,), (value,), int(type(value) is ItemError))

    def give_up(self, slot: int, position: int, value: Any) -> Iterator[Batch]:
        return self.accept(slot, (position, [value], 1))

    def left(self, slot: int) -> Sequence[int]:
        self.parted(slot)
        held = {p for start, end in self._board.held(slot) for p in range(start, end)}
        return [position for position in sorted(held) if not self._has[position]]

    def item(self, position: int) -> Indexed:
        index = self._order.index(position)
        return index, self._items[index]

    def again(self, positions: Sequence[int], alone: int | None) -> None:
        rest = [position for position in positions if position != alone]
        self._waiting.extend(_ranges(rest))
        if alone is not None:
            self._waiting.append((alone, alone + 1))
        self.serve(0)

    def allow(self, limit: int) -> None:
        """Let positions below `limit` be claimed."""
        if limit > self._board.words[LIMIT]:
            self._board.set_limit(min(limit, self._order.count))
            self._ring()

    def serve(self, mean_ns: float) -> Sequence[Batch]:  # noqa: ARG002 - workers take what they can
        given = False
        while self._waiting and self._board.put_back(*self._waiting[-1]):
            self._waiting.pop()
            given = True
        if given:
            self._ring()
        return ()

    def parted(self, slot: int) -> None:
        self._bells.pop(slot, None)

    def unread(self) -> Sequence[int]:
        return ()

    def halt(self) -> None:
        self._ring(everyone=True)

    def leftover(self) -> Iterator[Indexed]:
        return (self.item(position) for position, has in enumerate(self._has) if not has)

    @property
    def has_work(self) -> bool:
        return bool(self._waiting) or not self._board.is_over

    @property
    def is_done(self) -> bool:
        return not self._left

    def _ring(self, *, everyone: bool = False) -> None:
        for slot, bell in self._bells.items():
            if everyone or self._board.words[self._board.slot(slot) + WAITING]:
                try:
                    os.write(bell, b"\0")
                except OSError:  # it is gone, and about to be noticed; or full of bells
                    continue


def _ranges(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Positions as half-open ranges."""
    start = end = -1
    for position in sorted(positions):
        if position != end:
            if end > start:
                yield start, end
            start = position
        end = position + 1
    if end > start:
        yield start, end
