"""A worker process of many threads: for items that wait, and must not harm the caller.

When one of its items kills it, nobody knows which; the items that it had are then given to workers
that do one at a time (`board.EACH`), where the next death names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jobflows.chunking.board import (
    BUSY,
    CLAIMS,
    DONE,
    HALT,
    LONGEST,
    PART,
    RETIRE,
    WANTED,
    Board,
)
from jobflows.chunking.crew import Pipes
from jobflows.chunking.errors import ItemError
from jobflows.chunking.forked import Forked
from jobflows.chunking.lane import PipeLane
from jobflows.chunking.options import Options
from jobflows.chunking.sender import Sender
from jobflows.chunking.supply import Batch, Indexed, Supply
from jobflows.chunking.threads import Threads

TURN = 0.01
"""Seconds between two looks at the board."""


class CrowdForked(Forked):
    """Starts such a worker; plain ones once something has died."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        supply: Supply,
        board: Board,
        claim_ns: int,
        options: Options,
    ) -> None:
        super().__init__(function, supply, board, sharers=1, claim_ns=claim_ns)
        self._options = options
        self._alone = False
        self._started = False

    def start(self, slot: int, pipes: Pipes, others: list[int]) -> int:
        self._alone, self._started = self._started, True  # a crowd has no other reason to be anew
        return super().start(slot, pipes, others)

    def _work(self, slot: int, pipes: Pipes) -> None:
        if self._alone:
            super()._work(slot, pipes)
            return
        _Crowd(self._function, self._board, slot, pipes, self._options).work()


class _Crowd:
    def __init__(
        self,
        function: Callable[[Any], Any],
        board: Board,
        slot: int,
        pipes: Pipes,
        options: Options,
    ) -> None:
        self._lane = PipeLane(pipes.inbox)
        self._positions: dict[int, int] = {}
        self._sent: dict[int, int] = {}
        self._sender = Sender(board, slot, pipes.out, self._sent.__getitem__)
        self._words = board.words
        self._at = board.slot(slot)
        self._threads = Threads(
            function,
            self._items(),
            workers=options.workers,
            grow=True,
            claim_seconds=0.0,  # more of them come when these are done
            timeout=options.timeout,
            limit=None,
        )

    def work(self) -> None:
        """Until the pipe ends, or it is asked to go."""
        words, at, threads = self._words, self._at, self._threads
        words[at + PART] = 2
        words[at + WANTED] = threads.wanted
        threads.start()
        while not threads.is_over:
            parts = [part for batch in threads.gather(TURN) for part in self._parts(batch)]
            words[at + WANTED] = threads.wanted
            sums = threads.sums
            words[at + DONE], words[at + BUSY] = sums.done, sums.busy
            words[at + CLAIMS], words[at + LONGEST] = sums.claims, sums.longest
            if parts:
                self._sender.send(parts)
                self._sent.clear()
            if words[HALT] or words[at + RETIRE]:
                threads.halt()
        self._sender.bye()

    def _items(self) -> Iterator[Indexed]:
        while (taken := self._lane.take(1, _nothing)) is not None:
            start, items = taken
            for position, item in enumerate(items, start):
                index = self._lane.index(position)
                self._positions[index] = position
                yield index, item

    def _parts(self, batch: Batch) -> Iterator[tuple[int, list[Any], int]]:
        for index, value in zip(batch.indices, batch.values, strict=True):
            position = self._positions.pop(index)
            self._sent[position] = index
            yield position, [value], int(type(value) is ItemError)


def _nothing() -> None:
    """Threads send what they have as it comes."""
