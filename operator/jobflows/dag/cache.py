"""What a flow compiles to, kept until its spec changes or the flow goes.

A flow is reconciled once per event but compiled once per generation. The key is the UID, so a
flow deleted and created again under the same name never sees its predecessor's graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class CompileCache(Generic[T]):
    """One value per UID, valid for one generation. `requests` and `hits` only ever grow."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, T]] = {}
        self.requests = 0
        self.hits = 0

    def get(self, uid: str, generation: int, build: Callable[[], T]) -> T:
        """Return the value of this generation, building it when it is not the one kept.

        Whatever `build` raises passes through, and nothing is kept.
        """
        self.requests += 1
        kept = self._kept.get(uid)
        if kept is not None and kept[0] == generation:
            self.hits += 1
            return kept[1]
        value = build()
        self._kept[uid] = (generation, value)
        return value

    def drop(self, uid: str) -> None:
        """Forget a flow that is gone or needs no more planning."""
        self._kept.pop(uid, None)

    def __len__(self) -> int:
        return len(self._kept)
