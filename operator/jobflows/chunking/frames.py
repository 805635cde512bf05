"""How results and items cross a process border: pickled once, copied as little as can be.

A frame is a fixed header on a pipe and a body. The body lies in a ring of shared memory if it fits
there, else it follows the header through the pipe. Large buffers (arrays that pickle 5 hands out,
and bytes, which the pickler writes as they are) are copied once into the ring and once out of it.
The ring starts anew whenever the collector has read everything, so that in practice a few warm
pages are used over and over.
"""

from __future__ import annotations

import io
import pickle
import struct
from typing import Any

HEADER = struct.Struct("<5q")
"""Kind, place of the body in the ring or -1, its length, that of its pickle, number of buffers."""
RESULTS, ITEMS, BYE, FAULT = range(4)
INLINE = -1

_LENGTH = struct.Struct("<q")
SMALL_BUFFER = 4096
"""Bytes below which a buffer is pickled with the rest."""

Segment = tuple[int, list[Any], int]
"""Results of consecutive positions, from a first one on, and how many of them are errors."""


class _FullError(Exception):
    pass


class _Sink:
    """A file of fixed size, for the pickler."""

    __slots__ = ("at", "view")

    def __init__(self, view: memoryview, at: int) -> None:
        self.view = view
        self.at = at

    def write(self, data: Any) -> int:
        data = data if isinstance(data, bytes) else memoryview(data).cast("B")
        end = self.at + len(data)
        if end > len(self.view):
            raise _FullError
        self.view[self.at : end] = data
        self.at = end
        return len(data)


class Ring:
    """The worker's end of its ring. `read` is how many frames the collector has taken out."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._free = 0
        self._written = 0

    def put(self, kind: int, value: object, read: int) -> bytes | None:
        """Write the body and return its header; None if there is no room now."""
        if read == self._written:
            self._free = 0
        sink = _Sink(self._view, self._free)
        try:
            pickled, buffers = _pickle_into(sink, value)
        except _FullError:
            return None
        length = sink.at - self._free
        header = HEADER.pack(kind, self._free, length, pickled, buffers)
        self._free = sink.at
        self._written += 1
        return header


def inline(kind: int, value: object) -> list[bytes | memoryview]:
    """Header and body for a pipe, to be written in this order; arrays are not copied."""
    file = io.BytesIO()
    buffers: list[memoryview] = []
    pickle.Pickler(file, 5, buffer_callback=_taker(buffers)).dump(value)
    lengths = b"".join(_LENGTH.pack(buffer.nbytes) for buffer in buffers)
    pickled = file.getbuffer()
    length = pickled.nbytes + sum(buffer.nbytes for buffer in buffers) + len(lengths)
    header = HEADER.pack(kind, INLINE, length, pickled.nbytes, len(buffers))
    return [header, pickled, *buffers, lengths]


def load(body: memoryview, pickled: int, buffers: int) -> Any:
    """The value of a body; nothing of it refers to `body` afterwards."""
    if not buffers:
        return pickle.loads(body[:pickled])
    lengths_at = len(body) - buffers * _LENGTH.size
    at, out = pickled, []
    for (length,) in _LENGTH.iter_unpack(body[lengths_at:]):
        out.append(bytearray(body[at : at + length]))
        at += length
    return pickle.loads(body[:pickled], buffers=out)


def _pickle_into(sink: _Sink, value: object) -> tuple[int, int]:
    start = sink.at
    buffers: list[memoryview] = []
    pickle.Pickler(sink, 5, buffer_callback=_taker(buffers)).dump(value)
    pickled = sink.at - start
    for buffer in buffers:
        sink.write(buffer)
    for buffer in buffers:
        sink.write(_LENGTH.pack(buffer.nbytes))
    return pickled, len(buffers)


def _taker(buffers: list[memoryview]) -> Any:
    def take(buffer: pickle.PickleBuffer) -> bool:
        """Whether the pickler keeps it."""
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous
            return True
        if raw.nbytes < SMALL_BUFFER:
            return True
        buffers.append(raw)
        return False

    return take
