"""Which items have a record, and where it is: eight bytes an item, whatever its value is."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from typing import Any


class Entries(Mapping[int, Any]):
    """Values by the index of their item, in order of the indices; each is read when asked for."""

    def __init__(self, read: Callable[[int], Any]) -> None:
        self._read = read
        self._offsets = array("Q")
        self._count = 0

    def put(self, index: int, offset: int) -> None:
        """The record of an item is at `offset`, which is above 0."""
        missing = index + 1 - len(self._offsets)
        if missing > 0:
            self._offsets.frombytes(bytes(self._offsets.itemsize * missing))
        self._count += not self._offsets[index]
        self._offsets[index] = offset

    def drop(self, index: int) -> None:
        """The item has no record any more."""
        if index in self:
            self._offsets[index] = 0
            self._count -= 1

    def __getitem__(self, index: int) -> Any:
        if index not in self:
            raise KeyError(index)
        return self._read(self._offsets[index])

    def __contains__(self, index: object) -> bool:
        return (
            isinstance(index, int) and 0 <= index < len(self._offsets) and self._offsets[index] > 0
        )

    def __iter__(self) -> Iterator[int]:
        return (index for index, offset in enumerate(self._offsets) if offset)

    def __len__(self) -> int:
        return self._count
