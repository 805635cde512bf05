"""The informer's memory: which objects exist, by the newest word about each.

Three sources speak: list pages, watch events, and the answers of our own writes, which are ahead of
the watch. Rules, each with a test:
- of two states of one object the higher resourceVersion wins; an older or equal one is ignored;
- an object of the same name with another uid is a deletion and an addition;
- `version` is how far the watch has come. A state at or below it of an object that is not stored
  belongs to an object deleted since, and does not come back;
- a list removes what it does not hold, unless our own write put it here after the list was made.
Nothing here awaits, so a reader never sees a half-applied change.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Generic

from jobflows.cluster.records import Key, Record, T, key_of, version_of

OnChange = Callable[[T | None, T | None], None]
"""Called with (old, new): (None, new) added, (old, new) changed, (old, None) deleted."""


class Store(Generic[T]):
    """Objects by (namespace, name); `on_change` is told of every difference, in order."""

    def __init__(self, on_change: OnChange[T]) -> None:
        self._objects: dict[Key, T] = {}
        self._on_change = on_change
        self.version = 0

    def get(self, namespace: str, name: str) -> T | None:
        """The object, or None."""
        return self._objects.get((namespace, name))

    def __iter__(self) -> Iterator[T]:
        return iter(self._objects.values())

    def __len__(self) -> int:
        return len(self._objects)

    def saw(self, obj: T) -> bool:
        """A watch says ADDED or MODIFIED. False when it was stale news."""
        version = version_of(obj)
        changed = self._put(obj, version, known=self.version)
        self.version = max(self.version, version)
        return changed

    def saw_deleted(self, obj: Record) -> bool:
        """A watch says DELETED. False when it was stale news."""
        version = version_of(obj)
        self.version = max(self.version, version)
        key = key_of(obj)
        old = self._objects.get(key)
        if old is None:
            return False
        # Another uid that is older than this deletion lost its name before this one had it.
        if old.metadata.uid != obj.metadata.uid and version_of(old) > version:
            return False
        del self._objects[key]
        self._on_change(old, None)
        return True

    def saw_bookmark(self, version: int) -> None:
        """A watch says that everything up to `version` has been sent."""
        self.version = max(self.version, version)

    def wrote(self, obj: T) -> bool:
        """An answer to our own write. False when the watch or another answer is ahead of it."""
        return self._put(obj, version_of(obj), known=self.version)

    def listed(self, obj: T) -> bool:
        """A list page holds it. Pages may be applied as they come; `finish_list` does the rest."""
        return self._put(obj, version_of(obj), known=-1)

    def finish_list(self, version: int, seen: Container[Key]) -> int:
        """The list is complete: forget what it did not hold. Answers how many were deleted."""
        missing = [
            (key, obj)
            for key, obj in self._objects.items()
            if key not in seen and version_of(obj) <= version
        ]
        self.version = version
        for key, obj in missing:
            # A callback may have written in between; delete only what was found missing.
            if self._objects.get(key) is obj:
                del self._objects[key]
                self._on_change(obj, None)
        return len(missing)

    def _put(self, obj: T, version: int, *, known: int) -> bool:
        key = key_of(obj)
        old = self._objects.get(key)
        if old is None:
            if version <= known:
                return False
            self._objects[key] = obj
            self._on_change(None, obj)
            return True
        if version_of(old) >= version:
            return False
        if _same(old, obj):
            self._objects[key] = obj
            self._on_change(old, obj)
            return True
        if version <= known:
            return False
        del self._objects[key]
        self._on_change(old, None)
        return self._put(obj, version, known=known)


def _same(one: Record, other: Record) -> bool:
    return one.metadata.uid == other.metadata.uid
