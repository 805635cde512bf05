"""From watch lines and list pages to records, in one typed pass of a few microseconds an object.

Used by the informer. Rule: one object that does not fit its record type never hides the others; it
is reported as `Unreadable` with its identity, and one that is nested too deeply is read without its
depths. Bytes that are no JSON at all raise `MalformedError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic

import msgspec

from jobflows.api.depth import decoded, flattened
from jobflows.cluster.errors import ApiError
from jobflows.cluster.records import ObjectMeta, T


class MalformedError(Exception):
    """A line or page that cannot be read; the stream it came from cannot be trusted any more."""


class WatchEvent(msgspec.Struct, Generic[T]):
    """One line of a watch."""

    type: str
    object: T


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Everything up to this version has been sent."""

    version: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that is valid JSON but not of the record type; `type` is empty in a list."""

    metadata: ObjectMeta
    why: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. `version` is the list's, `more` the continue token or empty."""

    items: list[T]
    unreadable: list[Unreadable]
    version: int
    more: str


class _ListMeta(msgspec.Struct):
    version: str = msgspec.field(name="resourceVersion", default="")
    continue_: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct, Generic[T]):
    metadata: _ListMeta
    items: list[T] | None = None  # Go writes an empty list as null


class _RawList(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _Version(msgspec.Struct):
    version: str = msgspec.field(name="resourceVersion")


class _Versioned(msgspec.Struct):
    metadata: _Version


class _Identified(msgspec.Struct):
    metadata: ObjectMeta


class _RawEvent(msgspec.Struct):
    type: str
    object: msgspec.Raw


# The server writes `{"type":"MODIFIED","object":...`; the word at this place tells the shape of
# the object without a first pass over the line.
_PREFIX = b'{"type":"'
_WORD = slice(len(_PREFIX), len(_PREFIX) + 4)
_OBJECT_WORDS = frozenset({b"ADDE", b"MODI", b"DELE"})

_decode_raw_event = msgspec.json.Decoder(_RawEvent).decode
_decode_raw_list = msgspec.json.Decoder(_RawList).decode
_decode_version = msgspec.json.Decoder(_Versioned).decode
_decode_identity = msgspec.json.Decoder(_Identified).decode


class Codec(Generic[T]):
    """The decoders of one record type, built once."""

    def __init__(self, record: type[T]) -> None:
        # The type is a run-time value here, which annotations cannot say.
        event: Any = WatchEvent
        page: Any = _List
        self._decode = msgspec.json.Decoder(record).decode
        self._event = msgspec.json.Decoder(event[record]).decode
        self._page = msgspec.json.Decoder(page[record]).decode

    def decode(self, body: bytes | msgspec.Raw) -> T:
        """One object. Raises `msgspec.DecodeError`."""
        obj: T = decoded(self._decode, bytes(body))
        return obj

    def event(self, line: bytes) -> WatchEvent[T] | Bookmark | Unreadable | ApiError:
        """What one watch line says. Raises `MalformedError`."""
        try:
            if line[_WORD] in _OBJECT_WORDS and line.startswith(_PREFIX):
                event: WatchEvent[T] = self._event(line)
                return event
            return self._slow_event(line)
        except RecursionError:
            return self.event(flattened(line))
        except msgspec.ValidationError as error:
            return self._unreadable_event(line, error)
        except (msgspec.DecodeError, ValueError) as error:
            raise MalformedError(f"watch line of {len(line)} bytes: {error}") from error

    def page(self, body: bytes) -> Page[T]:
        """What one list answer says. Raises `MalformedError`."""
        try:
            try:
                typed: _List[T] = self._page(body)
            except msgspec.ValidationError:
                return self._page_item_by_item(body)
            meta = typed.metadata
            return Page(typed.items or [], [], int(meta.version), meta.continue_)
        except RecursionError:
            return self.page(flattened(body))
        except (msgspec.DecodeError, ValueError) as error:
            raise MalformedError(f"list page of {len(body)} bytes: {error}") from error

    def _slow_event(self, line: bytes) -> WatchEvent[T] | Bookmark | ApiError:
        raw = _decode_raw_event(line)
        if raw.type == "BOOKMARK":
            return Bookmark(int(_decode_version(raw.object).metadata.version))
        if raw.type == "ERROR":
            return ApiError.from_status(raw.object)
        return WatchEvent(raw.type, self.decode(raw.object))

    def _unreadable_event(self, line: bytes, error: msgspec.ValidationError) -> Unreadable:
        try:
            raw = _decode_raw_event(line)
            metadata = _decode_identity(raw.object).metadata
        except msgspec.DecodeError:
            raise MalformedError(f"watch line of {len(line)} bytes: {error}") from error
        return Unreadable(metadata, str(error), raw.type)

    def _page_item_by_item(self, body: bytes) -> Page[T]:
        raw = _decode_raw_list(body)
        items: list[T] = []
        unreadable: list[Unreadable] = []
        for item in raw.items or []:
            try:
                items.append(self.decode(item))
            except msgspec.ValidationError as error:
                unreadable.append(Unreadable(_decode_identity(item).metadata, str(error)))
        meta = raw.metadata
        return Page(items, unreadable, int(meta.version), meta.continue_)
