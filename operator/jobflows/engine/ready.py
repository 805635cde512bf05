"""The ready steps, always in the order in which they should start.

A flow may have 10,000 of them at once, and each event asks for the next few: sorting them anew
would be most of the price of an event. Here one comes or goes for the price of a binary search.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, MutableSet

from jobflows.dag import Graph


class Ready(MutableSet[int]):
    """A set of step indices that iterates along `graph.precedence`."""

    __slots__ = ("_graph", "_places")

    def __init__(self, graph: Graph, places: list[int] | None = None) -> None:
        self._graph = graph
        self._places = [] if places is None else places
        """Places in `graph.precedence`, ascending."""

    def __contains__(self, step: object) -> bool:
        if not isinstance(step, int):
            return False
        place = self._graph.place[step]
        at = bisect_left(self._places, place)
        return at < len(self._places) and self._places[at] == place

    def __iter__(self) -> Iterator[int]:
        """The steps as they are now; what comes and goes during the iteration does not matter."""
        precedence = self._graph.precedence
        return (precedence[place] for place in tuple(self._places))

    def __len__(self) -> int:
        return len(self._places)

    def add(self, step: int) -> None:
        place = self._graph.place[step]
        at = bisect_left(self._places, place)
        if at == len(self._places) or self._places[at] != place:
            self._places.insert(at, place)

    def discard(self, step: int) -> None:
        place = self._graph.place[step]
        at = bisect_left(self._places, place)
        if at < len(self._places) and self._places[at] == place:
            del self._places[at]

    def copy(self) -> Ready:
        """A copy to change."""
        return Ready(self._graph, self._places.copy())

    @classmethod
    def _from_iterable(cls, it: Iterable[int]) -> set[int]:  # type: ignore[override]
        """What `|` and the like make has no order."""
        return set(it)
