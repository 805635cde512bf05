"""The garbage collector: dependents follow their owners, a moment later.

An object whose owners are all gone is deleted in the background; one that never had a living owner
too. Foreground deletion takes the blocking dependents first, orphaning cuts their references. A
deleted namespace takes its content along.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from model.deletion import FOREGROUND, ORPHAN, Options, delete
from model.kinds import NAMESPACES
from model.storage import Change, Object, Record, Storage
from model.verbs import Verbs
from model.virtual_time import Clock

DELAY_SECONDS = 0.05  # the real one works from its own watch, some milliseconds behind


class GarbageCollector:
    """Listens to the store and acts `DELAY_SECONDS` after each change that concerns owners."""

    def __init__(self, storage: Storage, verbs: Verbs, clock: Clock) -> None:
        self._storage = storage
        self._verbs = verbs
        self._clock = clock
        self._living: dict[str, Record] = {}
        # Owner's uid -> dependents' uids; dicts for sets, which would iterate in random order.
        self._dependents: dict[str, dict[str, None]] = {}
        storage.listeners.append(self._changed)

    def _changed(self, change: Change) -> None:
        new = change.new
        owners = [reference["uid"] for reference in _references(new)]
        if change.deleted:
            self._living.pop(new.uid, None)
            for uid in owners:
                self._later(uid)  # the owner may be waiting for this one
                self._dependents.get(uid, {}).pop(new.uid, None)
            for uid in self._dependents.get(new.uid, ()):
                self._later(uid)
            if new.namespace and self._storage.get(NAMESPACES, "", new.namespace):
                self._later(self._storage.objects[NAMESPACES]["", new.namespace].uid)
            return
        self._living[new.uid] = new
        for uid in owners:
            self._dependents.setdefault(uid, {})[new.uid] = None
        if any(uid not in self._living for uid in owners):
            self._later(new.uid)
        if "deletionTimestamp" in new.metadata:
            self._later(new.uid)

    def _later(self, uid: str) -> None:
        self._clock.call_later(DELAY_SECONDS, lambda: self._process(uid))

    def _process(self, uid: str) -> None:
        record = self._living.get(uid)
        if record is None:
            return
        if "deletionTimestamp" in record.metadata:
            finalizers = record.metadata.get("finalizers") or ()
            if record.kind is NAMESPACES:
                self._empty(record)
            elif ORPHAN in finalizers:
                self._orphan(record)
            elif FOREGROUND in finalizers:
                self._foreground(record)
            return
        self._collect(record)

    def _collect(self, record: Record) -> None:
        references = _references(record)
        gone = [r for r in references if r["uid"] not in self._living]
        if not gone:
            return
        if len(gone) == len(references):
            self._delete(record)
        else:
            kept = [r for r in references if r["uid"] in self._living]
            self._write(record, "ownerReferences", kept)

    def _foreground(self, owner: Record) -> None:
        blocking = False
        for record in self._dependents_of(owner):
            blocks = any(
                r["uid"] == owner.uid and r.get("blockOwnerDeletion") for r in _references(record)
            )
            blocking = blocking or blocks
            if "deletionTimestamp" not in record.metadata:
                self._delete(record)
        if not blocking or not self._dependents_of(owner):
            self._drop_finalizer(owner, FOREGROUND)

    def _orphan(self, owner: Record) -> None:
        for record in self._dependents_of(owner):
            kept = [r for r in _references(record) if r["uid"] != owner.uid]
            self._write(record, "ownerReferences", kept)
            self._dependents[owner.uid].pop(record.uid, None)
        self._drop_finalizer(owner, ORPHAN)

    def _empty(self, namespace: Record) -> None:
        content = list(self._content(namespace.name))
        for record in content:
            if "deletionTimestamp" not in record.metadata:
                self._delete(record)
        if not any(self._content(namespace.name)):
            self._drop_finalizer(namespace, FOREGROUND)

    def _content(self, namespace: str) -> Iterator[Record]:
        for kind in self._storage.objects:
            if kind.namespaced:
                yield from self._storage.select(kind, namespace)

    def _dependents_of(self, owner: Record) -> list[Record]:
        uids = self._dependents.get(owner.uid, ())
        return [self._living[uid] for uid in uids if uid in self._living]

    def _delete(self, record: Record) -> None:
        delete(self._storage, record, self._clock.now(), Options("Background"))

    def _drop_finalizer(self, record: Record, name: str) -> None:
        current = self._living.get(record.uid)
        if current is not None:
            kept = [f for f in current.metadata.get("finalizers") or () if f != name]
            self._write(current, "finalizers", kept)

    def _write(self, record: Record, field: str, value: Sequence[object]) -> None:
        metadata = {key: kept for key, kept in record.metadata.items() if key != field}
        if value:
            metadata[field] = value
        self._verbs.store(record, {**record.obj, "metadata": metadata})


def _references(record: Record) -> list[Object]:
    references: list[Object] = record.metadata.get("ownerReferences") or []
    return references
