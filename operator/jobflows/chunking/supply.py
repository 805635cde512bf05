"""What the collector knows of positions: which it has, whose they are, which have to be done anew.

There are two kinds: `counted.Counted` and `fed.Fed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from jobflows.chunking.frames import Segment
from jobflows.chunking.lane import Lane

Indexed = tuple[int, Any]
"""The index of an item, and the item."""


class Batch(NamedTuple):
    """Results that came together: the indices of their items, and how many are errors."""

    indices: Sequence[int]
    values: Sequence[Any]
    failed: int = 0


class Supply(Protocol):
    """Of one run, in the collector."""

    def lane(self, slot: int, inbox: int, sharers: int) -> Lane:
        """For a worker; called in its process."""

    def joined(self, slot: int, inbox: int) -> None:
        """A worker has started; `inbox` is the collector's end of its pipe."""

    def accept(self, slot: int, part: Segment) -> Iterator[Batch]:
        """Results from a worker, as far as they are not there already."""

    def give_up(self, slot: int, position: int, value: Any) -> Iterator[Batch]:
        """The result of a position that no worker will give."""

    def left(self, slot: int) -> Sequence[int]:
        """A worker is gone: the positions that it held and did not send."""

    def item(self, position: int) -> Indexed:
        """What is at a position that is held."""

    def again(self, positions: Sequence[int], alone: int | None) -> None:
        """Have these positions done anew, one of them by itself."""

    def allow(self, limit: int) -> None:
        """Let so many items in all be taken."""

    def serve(self, mean_ns: float) -> Sequence[Batch]:
        """Give workers what they can take now; what became of items that none can take."""

    def parted(self, slot: int) -> None:
        """A worker's pipe is about to be closed: nothing may be written to it any more."""

    def unread(self) -> Sequence[int]:
        """Pipes that could not take all of what was sent."""

    def halt(self) -> None:
        """Wake everybody, so that they see that it is over."""

    def leftover(self) -> Iterator[Indexed]:
        """What no worker has, when all have gone: to be done in another way."""

    @property
    def has_work(self) -> bool:
        """Whether there is something that a worker could take."""

    @property
    def is_done(self) -> bool:
        """Whether everything has its result."""
