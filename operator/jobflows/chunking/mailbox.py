"""The collector's end of a worker: reads its frames, without ever waiting for one."""

from __future__ import annotations

import os
from typing import Any

from jobflows.chunking.board import READ, Board
from jobflows.chunking.frames import BYE, HEADER, INLINE, load

_PIECE = 1 << 16


class Mailbox:
    """Frames of one worker. `closed` once its end of the pipe is; `bye` if it said so before."""

    def __init__(self, fd: int, board: Board, slot: int) -> None:
        self.fd = fd
        self.closed = False
        self.bye = False
        self._board = board
        self._ring = board.ring(slot)
        self._read = board.slot(slot) + READ
        self._head = bytearray()
        self._body: memoryview | None = None
        self._header: tuple[int, ...] = ()
        self._filled = 0
        os.set_blocking(fd, False)

    def release(self) -> None:
        """Let go of the ring, so that the board can be closed."""
        self._ring.release()

    def receive(self) -> list[Any]:
        """The values of all frames that have come as a whole."""
        values: list[Any] = []
        while not self.closed:
            try:
                if self._body is not None:
                    if not self._fill():
                        continue
                    values.append(self._loaded(self._body))
                    self._body = None
                    continue
                piece = os.read(self.fd, HEADER.size - len(self._head))
            except BlockingIOError:
                break
            self.closed = not piece
            self._head += piece
            if len(self._head) == HEADER.size:
                self._begin(values)
        return values

    def _begin(self, values: list[Any]) -> None:
        self._header = kind, place, length, _, _ = HEADER.unpack(self._head)
        self._head.clear()
        if kind == BYE:
            self.bye = True
        elif place == INLINE:
            self._body = memoryview(bytearray(length))
            self._filled = 0
        else:
            values.append(self._loaded(self._ring[place : place + length]))
            self._board.words[self._read] += 1

    def _fill(self) -> bool:
        """Read on; whether the body is whole now."""
        assert self._body is not None
        if self._filled < len(self._body):
            count = os.readv(self.fd, [self._body[self._filled :]])
            self.closed = not count
            self._filled += count
        return self._filled == len(self._body)

    def _loaded(self, body: memoryview) -> Any:
        return load(body, self._header[3], self._header[4])
