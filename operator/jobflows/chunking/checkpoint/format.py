"""The bytes of a result log: a head that says whose results these are, then records.

    head    magic 8s, version H, length of the key I, CRC-32 of these I | key, CRC-32 of the key I
    record  kind B, index Q, length Q, CRC-32 of the payload I, CRC-32 of these I | payload

All numbers are little-endian. Lengths have a checksum of their own, so that a damaged length is
told from a record that was cut off: the first is damage, the second how a killed writer leaves a
file.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal

MAGIC = b"JFRESULT"
VERSION = 1
RESULT, FAILURE = 1, 2

_FIXED = struct.Struct("<8sHI")
_RECORD = struct.Struct("<BQQI")
_CRC = struct.Struct("<I")
HEAD_SIZE = _FIXED.size + _CRC.size
RECORD_SIZE = _RECORD.size + _CRC.size
PIECE = 1 << 20
"""Bytes that are read at a time, so that a large payload is checked in bounded memory."""

Key = Mapping[str, str]
Found = Callable[[int, int, int], object]
"""Called with kind, index and offset of each whole record."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file holds. `end` is the end of its last whole record, or 0 without a whole head."""

    state: Literal["whole", "torn", "damaged", "foreign", "newer"]
    end: int
    key: dict[str, str]


@dataclass(frozen=True, slots=True)
class Record:
    """The head of a record."""

    kind: int
    index: int
    length: int
    crc: int


def encode_head(key: Key) -> bytes:
    """The first bytes of a log."""
    text = json.dumps(dict(key), sort_keys=True).encode()
    fixed = _FIXED.pack(MAGIC, VERSION, len(text))
    return b"".join((fixed, _crc(fixed), text, _crc(text)))


def encode_record(kind: int, index: int, payload: bytes) -> bytes:
    """The head of a record; the payload follows it."""
    head = _RECORD.pack(kind, index, len(payload), zlib.crc32(payload))
    return head + _crc(head)


def decode_record(head: bytes) -> Record | None:
    """The head of a record, or None if it is damaged."""
    if head[_RECORD.size :] != _crc(head[: _RECORD.size]):
        return None
    return Record(*_RECORD.unpack_from(head))


def differences(was: Key, now: Key) -> str:
    """In which parts two keys differ; a part that begins with # is a checksum, and only named."""
    found = []
    for part in sorted(was.keys() | now.keys()):
        before, after = was.get(part, "none"), now.get(part, "none")
        if before != after:
            opaque = before.startswith("#") or after.startswith("#")
            found.append(f"other {part}" if opaque else f"{part} {before}, not {after}")
    return ", ".join(found)


def scan(file: BinaryIO, size: int, found: Found) -> Scan:
    """Read a log from its start, as far as it is valid."""
    head = file.read(HEAD_SIZE)
    if len(head) < HEAD_SIZE:
        begun = MAGIC.startswith(head[: len(MAGIC)]) or not any(head)
        return Scan("torn" if begun else "foreign", 0, {})
    magic, version, length = _FIXED.unpack_from(head)
    if magic != MAGIC:
        return Scan("foreign" if any(head) or not _zeros(file) else "torn", 0, {})
    if head[_FIXED.size :] != _crc(head[: _FIXED.size]):
        return Scan("damaged", 0, {})
    if version != VERSION:
        return Scan("newer", 0, {})
    if size < HEAD_SIZE + length + _CRC.size:
        return Scan("torn", 0, {})
    text = file.read(length)
    if file.read(_CRC.size) != _crc(text):
        return Scan("damaged", 0, {})
    key = json.loads(text)
    end = HEAD_SIZE + length + _CRC.size
    while True:
        head = file.read(RECORD_SIZE)
        if not head:
            return Scan("whole", end, key)
        record = decode_record(head) if len(head) == RECORD_SIZE else None
        if record is None:
            # A machine that lost its power may leave zeros where the last write was to be.
            torn = len(head) < RECORD_SIZE or (not any(head) and _zeros(file))
            return Scan("torn" if torn else "damaged", end, key)
        after = end + RECORD_SIZE + record.length
        if after > size:
            return Scan("torn", end, key)
        if _checksum(file, record.length) != record.crc or record.kind not in (RESULT, FAILURE):
            return Scan("damaged", end, key)
        found(record.kind, record.index, end)
        end = after


def _checksum(file: BinaryIO, length: int) -> int:
    crc = 0
    while length > 0:
        piece = file.read(min(length, PIECE))
        if not piece:
            return -1
        crc = zlib.crc32(piece, crc)
        length -= len(piece)
    return crc


def _zeros(file: BinaryIO) -> bool:
    """Whether nothing but zeros is left."""
    return all(not any(piece) for piece in iter(lambda: file.read(PIECE), b""))


def _crc(data: bytes) -> bytes:
    return _CRC.pack(zlib.crc32(data))
