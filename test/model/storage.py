"""What the server remembers: the objects of now, and the changes that led here.

Stored objects are parsed dicts that nobody may change: a write stores a new dict, so that readers,
watchers and snapshots share them without copies. Each version is serialised once, when first asked
for, however many watchers and lists show it.

One counter gives every write its resourceVersion, as etcd's revision does. `compact` forgets the
past: older watches and continue tokens then get 410.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from model.errors import too_large
from model.kinds import KINDS, Kind

LARGEST = 1_572_864  # bytes of one object that etcd takes

Object = dict[str, Any]
Key = tuple[str, str]


class Record:
    """One version of one object; `tail` is its JSON without the opening `kind` and `apiVersion`."""

    __slots__ = ("_tail", "kind", "name", "namespace", "obj", "rv", "uid")

    def __init__(self, kind: Kind, obj: Object, rv: int) -> None:
        metadata = obj["metadata"]
        self.kind = kind
        self.obj = obj
        self.rv = rv
        self.namespace: str = metadata.get("namespace", "")
        self.name: str = metadata["name"]
        self.uid: str = metadata["uid"]
        self._tail: bytes | None = None

    @property
    def key(self) -> Key:
        return (self.namespace, self.name)

    @property
    def metadata(self) -> Object:
        metadata: Object = self.obj["metadata"]
        return metadata

    def at(self, rv: int) -> Record:
        """The same content under a later resourceVersion, as deletions are announced."""
        return Record(self.kind, with_version(self.obj, rv), rv)

    @property
    def json(self) -> bytes:
        return b'{"kind":"%s","apiVersion":"%s",%s' % (
            self.kind.kind.encode(),
            self.kind.api_version.encode(),
            self.tail,
        )

    @property
    def tail(self) -> bytes:
        if self._tail is None:
            body = {k: v for k, v in self.obj.items() if k not in ("kind", "apiVersion")}
            self._tail = msgspec.json.encode(body)[1:]
        return self._tail

    @property
    def item(self) -> bytes:
        """How lists show it: built-in kinds leave `kind` and `apiVersion` to the list."""
        return self.json if self.kind.custom else b"{" + self.tail


class Change:
    """One write: `old` is None for a creation, `deleted` tells that `new` is the last state."""

    __slots__ = ("deleted", "new", "old", "rv")

    def __init__(self, rv: int, old: Record | None, new: Record, deleted: bool) -> None:
        self.rv = rv
        self.old = old
        self.new = new
        self.deleted = deleted


def with_version(obj: Object, rv: int) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(rv)}}


class Storage:
    """Objects by kind and key, their history, and the listeners that hear of each change."""

    def __init__(self) -> None:
        self.rv = 1
        self.compacted = 0  # changes up to and with this version are forgotten
        self.objects: dict[Kind, dict[Key, Record]] = {kind: {} for kind in KINDS}
        self.history: dict[Kind, list[Change]] = {kind: [] for kind in KINDS}
        self.listeners: list[Callable[[Change], None]] = []
        self._snapshots: dict[tuple[Kind, int], list[Record]] = {}

    def get(self, kind: Kind, namespace: str, name: str) -> Record | None:
        return self.objects[kind].get((namespace, name))

    def put(self, kind: Kind, obj: Object) -> Record:
        """Store a new object or a new version of one; the caller has checked all there is."""
        rv = self.rv + 1
        record = Record(kind, with_version(obj, rv), rv)
        if len(record.tail) > LARGEST:
            raise too_large()
        old = self.objects[kind].get(record.key)
        self.rv = rv
        self.objects[kind][record.key] = record
        self._announce(Change(rv, old, record, deleted=False))
        return record

    def remove(self, record: Record) -> Record:
        """Take an object away; returns its last state under the deletion's version."""
        self.rv += 1
        old = self.objects[record.kind].pop(record.key)
        last = record.at(self.rv)
        self._announce(Change(self.rv, old, last, deleted=True))
        return last

    def _announce(self, change: Change) -> None:
        self.history[change.new.kind].append(change)
        for listener in self.listeners:
            listener(change)

    def select(self, kind: Kind, namespace: str) -> list[Record]:
        """All of a kind, or of a kind in a namespace, in the order of their keys."""
        objects = self.objects[kind]
        keys: Iterable[Key] = objects
        if namespace:
            keys = [key for key in objects if key[0] == namespace]
        return [objects[key] for key in sorted(keys)]

    def since(self, kind: Kind, rv: int) -> list[Change]:
        history = self.history[kind]
        return history[bisect_right(history, rv, key=lambda change: change.rv) :]

    def remembers(self, rv: int) -> bool:
        return rv >= self.compacted

    def snapshot(self, kind: Kind, rv: int) -> list[Record] | None:
        """All objects of a kind as they were at `rv`; None if that is forgotten or to come."""
        if rv > self.rv or not self.remembers(rv):
            return None
        known = self._snapshots.get((kind, rv))
        if known is None:
            past = dict(self.objects[kind])
            for change in reversed(self.since(kind, rv)):
                if change.old is None:
                    past.pop(change.new.key, None)
                else:
                    past[change.old.key] = change.old
            known = [past[key] for key in sorted(past)]
            self._snapshots[(kind, rv)] = known
        return known

    def compact(self) -> None:
        self.compacted = self.rv
        self._snapshots.clear()
        for history in self.history.values():
            history.clear()
