"""Cuts a byte stream into lines without copying what has been seen before.

Used by the HTTP transport for watch streams, whose lines are whole objects (a 10,000-step JobFlow
is over 1 MB) and whose chunks end anywhere. Work is linear in the bytes received.
"""

from __future__ import annotations

LONGEST_LINE = 4 * 1024 * 1024  # the API server takes no object above 3 MB, etcd none above 1.5 MB


class LineTooLongError(ValueError):
    """A line passed the limit: this is no watch stream."""


class LineSplitter:
    """Feed chunks, get complete lines; what follows the last newline waits for the next chunk."""

    __slots__ = ("_limit", "_parts", "_size")

    def __init__(self, limit: int = LONGEST_LINE) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines completed by this chunk, without newlines; empty lines are left out."""
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and self._parts:
            self._parts.append(lines[0])
            lines[0] = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
        if self._size > self._limit or any(len(line) > self._limit for line in lines):
            raise LineTooLongError(f"a line is longer than {self._limit} bytes")
        return [line for line in lines if line]
