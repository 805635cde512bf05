"""The collector's end of a worker: reads its frames, without ever waiting for one."""

from __future__ import annotations

import os
from typing import Any

from jobflows.chunking.board import READ, Board
from jobflows.chunking.frames import BYE, FAULT, HEADER, INLINE, load

_PIECE = 1 << 16


class Mailbox:
    """Frames of one worker. `closed` once its end of the pipe is; `bye` if it said so before.

    `fault` is why no worker can do what this one was to do; empty as long as that is not so.
    """

    def __init__(self, fd: int, board: Board, slot: int) -> None:
        self.fd = fd
        self.closed = False
        self.bye = False
        self.fault = ""
        self._last = False
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

    def expect_no_more(self) -> None:
        """Be closed when there is nothing to read: the worker is gone."""
        self._last = True

    def receive(self) -> list[Any]:
        """The values of all frames that have come as a whole."""
        values: list[Any] = []
        while not self.closed and not self.fault:
            try:
                if self._body is not None:
                    if not self._fill():
                        continue
                    body, self._body = self._body, None
                    self._take(body, values)
                    continue
                piece = os.read(self.fd, HEADER.size - len(self._head))
            except BlockingIOError:
                self.closed = self._last
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
            with self._ring[place : place + length] as body:
                self._take(body, values)
            self._board.words[self._read] += 1

    def _fill(self) -> bool:
        """Read on; whether the body is whole now."""
        assert self._body is not None
        if self._filled < len(self._body):
            count = os.readv(self.fd, [self._body[self._filled :]])
            self.closed = not count
            self._filled += count
        return self._filled == len(self._body)

    def _take(self, body: memoryview, values: list[Any]) -> None:
        kind, _, _, pickled, buffers = self._header
        try:
            value = load(body, pickled, buffers)
        except Exception as error:  # noqa: BLE001 - whatever a result's own unpickling raises
            # As text: the exception's frames would hold on to the ring.
            self.fault = f"results of a worker cannot be read: {type(error).__name__}: {error}"
            return
        if kind == FAULT:
            self.fault = value
        else:
            values.append(value)
