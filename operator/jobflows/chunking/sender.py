"""The worker's end of the way to the collector."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from jobflows.chunking.board import READ, Board
from jobflows.chunking.errors import ItemError, show
from jobflows.chunking.frames import BYE, FAULT, HEADER, INLINE, RESULTS, Ring, Segment, inline


class Sender:
    """`index` says which item stands at a position, for results that cannot be sent."""

    def __init__(self, board: Board, slot: int, out: int, index: Callable[[int], int]) -> None:
        self._words = board.words
        self._read = board.slot(slot) + READ
        self._ring = Ring(board.ring(slot))
        self._out = out
        self._index = index

    def send(self, segments: Sequence[Segment]) -> None:
        """Hand results over; what cannot be pickled goes as an error of its item."""
        try:
            header = self._ring.put(RESULTS, segments, self._words[self._read])
            parts = [header] if header else inline(RESULTS, segments)
        except Exception:  # noqa: BLE001 - whatever a result's own pickling raises
            parts = inline(RESULTS, [self._sendable(*segment) for segment in segments])
        write(self._out, parts)

    def bye(self) -> None:
        """Say that all is sent, and that this worker goes of its own will."""
        write(self._out, [HEADER.pack(BYE, INLINE, 0, 0, 0)])

    def _sendable(self, start: int, values: list[Any], failed: int) -> Segment:
        tried = [self._tried(start + i, value) for i, value in enumerate(values)]
        return start, tried, failed + sum(a is not b for a, b in zip(values, tried, strict=True))

    def _tried(self, position: int, value: Any) -> Any:
        try:
            pickle.dumps(value, 5)
        except Exception as error:  # noqa: BLE001 - whatever a result's own pickling raises
            reason = f"its result cannot be sent from a worker: {error}"
            return ItemError(self._index(position), show(value), "exception", reason)
        return value


def confess(out: int, error: BaseException) -> None:
    """Say why this worker cannot work, if it would be the same with any other.

    Raises the error if that is not so: where memory or descriptors run out, another may do better.
    """
    if isinstance(error, OSError | MemoryError):
        raise error
    text = "".join(traceback.format_exception(error)).rstrip()
    write(out, inline(FAULT, f"a worker cannot work: {type(error).__name__}: {error}\n\n{text}"))


def write(out: int, parts: Sequence[bytes | memoryview]) -> None:
    """Write all of it, however long that takes."""
    for part in parts:
        view = memoryview(part).cast("B")
        while view:
            view = view[os.write(out, view) :]
