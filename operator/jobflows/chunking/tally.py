"""Adds up what workers say of themselves on the board, also after they have gone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from jobflows.chunking.board import BUSY, CLAIMS, CPU, DELAY, DONE, LONGEST, SQUARES, WALL, Board
from jobflows.chunking.schedstat import waiting_share


@dataclass(slots=True)
class Sums:
    """Times are in nanoseconds."""

    done: int = 0
    claims: int = 0
    busy: int = 0
    wall: int = 0
    cpu: int = 0
    delay: int = 0
    longest: int = 0
    squares: float = 0.0

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(
            done=self.done + other.done,
            claims=self.claims + other.claims,
            busy=self.busy + other.busy,
            wall=self.wall + other.wall,
            cpu=self.cpu + other.cpu,
            delay=self.delay + other.delay,
            longest=max(self.longest, other.longest),
            squares=self.squares + other.squares,
        )

    @property
    def mean(self) -> float:
        """Of an item; 0 before the first."""
        return self.busy / self.done if self.done else 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation of an item's time."""
        if not self.done:
            return 0.0
        return math.sqrt(max(0.0, self.squares / self.done - self.mean**2))

    @property
    def waiting_share(self) -> float:
        """Of the time that was looked at."""
        return waiting_share(self.wall, self.cpu, self.delay)


class Tally:
    """Reads the slots of workers that are there, and keeps the sums of those that have left."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._here: set[int] = set()
        self._past = Sums()

    def joined(self, slot: int) -> None:
        self._here.add(slot)

    def left(self, slot: int) -> None:
        self._add(self._past, slot)
        self._here.discard(slot)

    def close(self) -> None:
        """Keep what there is: the board goes away."""
        for slot in list(self._here):
            self.left(slot)

    def sums(self) -> Sums:
        """Of all workers so far."""
        sums = replace(self._past)
        for slot in self._here:
            self._add(sums, slot)
        return sums

    @property
    def mean(self) -> float:
        """Nanoseconds of an item."""
        words = self._board.words
        at = [self._board.slot(slot) for slot in self._here]
        done = self._past.done + sum(words[slot + DONE] for slot in at)
        busy = self._past.busy + sum(words[slot + BUSY] for slot in at)
        return busy / done if done else 0.0

    def _add(self, sums: Sums, slot: int) -> None:
        words, at = self._board.words, self._board.slot(slot)
        sums.done += words[at + DONE]
        sums.claims += words[at + CLAIMS]
        sums.busy += words[at + BUSY]
        sums.squares += self._board.floats[at + SQUARES]
        sums.wall += words[at + WALL]
        sums.cpu += words[at + CPU]
        sums.delay += words[at + DELAY]
        sums.longest = max(sums.longest, words[at + LONGEST])
