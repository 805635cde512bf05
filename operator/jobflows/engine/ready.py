"""The ready steps, always in the order in which they should start.

A flow may have 10,000 of them at once, and each event asks for the next few: sorting them anew
would be most of the price of an event. Here one comes or goes for the price of a binary search.

Steps that want room of the same kind (`CompiledFlow.lanes`) stand in one lane, so that when one is
refused, the plan need not look at the thousands behind it.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, MutableSet, Sequence

from jobflows.dag import Graph


class Ready(MutableSet[int]):
    """A set of step indices that iterates along `graph.precedence`."""

    __slots__ = ("_graph", "_lane_of", "_lanes", "_own")

    def __init__(self, graph: Graph, lane_of: Sequence[int] | None = None) -> None:
        self._graph = graph
        self._lane_of = lane_of
        self._lanes: dict[int, list[int]] = {}
        """Places in `graph.precedence`, ascending, by lane; shared with copies until it changes."""
        self._own: set[int] = set()
        """Lanes whose list nobody else has."""

    def __contains__(self, step: object) -> bool:
        if not isinstance(step, int):
            return False
        return _find(self._lanes.get(self._lane(step), ()), self._graph.place[step])[1]

    def __iter__(self) -> Iterator[int]:
        return self.walk(())

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def walk(self, shut: Collection[int]) -> Iterator[int]:
        """The steps as they are now, without those of lanes that are `shut` when it is their turn.

        What comes and goes during the iteration does not matter.
        """
        self._own.clear()  # whatever changes from here on is changed in a copy
        lanes, precedence = dict(self._lanes), self._graph.precedence
        queue = [(places[0], lane, 0) for lane, places in lanes.items() if lane not in shut]
        heapq.heapify(queue)
        while queue:
            place, lane, at = queue[0]
            if lane not in shut:
                yield precedence[place]
            if lane in shut or at + 1 == len(lanes[lane]):
                heapq.heappop(queue)
            else:
                heapq.heapreplace(queue, (lanes[lane][at + 1], lane, at + 1))

    def behind(self, step: int) -> int:
        """How many steps of the same lane stand at `step` and behind it."""
        places = self._lanes.get(self._lane(step), ())
        return len(places) - _find(places, self._graph.place[step])[0]

    def add(self, step: int) -> None:
        places, place = self._change(step), self._graph.place[step]
        at, found = _find(places, place)
        if not found:
            places.insert(at, place)

    def discard(self, step: int) -> None:
        if step not in self:
            return
        lane, places = self._lane(step), self._change(step)
        del places[_find(places, self._graph.place[step])[0]]
        if not places:
            del self._lanes[lane]
            self._own.discard(lane)

    def copy(self) -> Ready:
        """A copy to change."""
        copy = Ready(self._graph, self._lane_of)
        copy._lanes = self._lanes.copy()
        self._own.clear()
        return copy

    def _lane(self, step: int) -> int:
        return self._lane_of[step] if self._lane_of is not None else 0

    def _change(self, step: int) -> list[int]:
        """The list of the step's lane, nobody else's."""
        lane = self._lane(step)
        if lane not in self._own:
            self._lanes[lane] = list(self._lanes.get(lane, ()))
            self._own.add(lane)
        return self._lanes[lane]

    @classmethod
    def _from_iterable(cls, it: Iterable[int]) -> set[int]:  # type: ignore[override]
        """What `|` and the like make has no order."""
        return set(it)


def _find(places: Sequence[int], place: int) -> tuple[int, bool]:
    """Where a place is, or would be, and whether it is there."""
    at = bisect_left(places, place)
    return at, at < len(places) and places[at] == place
