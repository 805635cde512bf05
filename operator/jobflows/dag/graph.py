"""A directed acyclic graph over integer indices, built once per generation of a flow.

The engine walks it on every event, so it is made of tuples of ints: on 10,000 steps and 30,000
edges that is thirty times cheaper than a graph object with attribute dictionaries. networkx is
used where its algorithms serve: to name a cycle, and to hand the graph to other tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx


class CycleError(ValueError):
    """The graph has a cycle. `path` names its steps in order, the first one again at the end."""

    def __init__(self, path: Sequence[str]) -> None:
        self.path = tuple(path)
        super().__init__("cycle: " + " -> ".join(self.path))


@dataclass(frozen=True, slots=True)
class Graph:
    """Steps by index, in the order of the spec.

    `parents[i]` and `children[i]` are indices; `order` is a topological order; `rank[i]` is the
    number of steps on the longest path that starts at i (1 for a step nobody waits for).
    `precedence` has the steps by falling rank: of two that could run, the first should;
    `place[i]` is the place of step i in it.
    """

    names: tuple[str, ...]
    index: Mapping[str, int]
    parents: tuple[tuple[int, ...], ...]
    children: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]
    rank: tuple[int, ...]
    precedence: tuple[int, ...]
    place: tuple[int, ...]

    @classmethod
    def build(cls, edges: Iterable[tuple[str, Sequence[str]]]) -> Graph:
        """Compile `(name, dependencies)` pairs; linear in steps and edges.

        Raises `KeyError` for an unknown dependency and `CycleError` for a cycle; callers that take
        users' input validate first and get better words.
        """
        pairs = list(edges)
        names = tuple(name for name, _ in pairs)
        index = {name: i for i, name in enumerate(names)}
        parents = tuple(tuple({index[d]: None for d in needs}) for _, needs in pairs)
        children: list[list[int]] = [[] for _ in names]
        for i, above in enumerate(parents):
            for parent in above:
                children[parent].append(i)
        order = _topological_order(parents, children)
        if len(order) < len(names):
            raise CycleError(_cycle(names, parents, order))
        rank = [1] * len(names)
        for i in reversed(order):
            for child in children[i]:
                if rank[child] >= rank[i]:
                    rank[i] = rank[child] + 1
        precedence = sorted(range(len(names)), key=lambda i: -rank[i])
        place = [0] * len(names)
        for at, i in enumerate(precedence):
            place[i] = at
        return cls(
            names,
            index,
            parents,
            tuple(map(tuple, children)),
            tuple(order),
            tuple(rank),
            tuple(precedence),
            tuple(place),
        )

    def __len__(self) -> int:
        return len(self.names)

    def critical_path(self, weights: Sequence[float] | None = None) -> tuple[int, ...]:
        """Indices of one chain of steps that weighs most, first to last; without weights the
        longest one.
        """
        if not self.names:
            return ()
        heaviest = self.rank if weights is None else self._heaviest(weights)
        roots = (i for i, above in enumerate(self.parents) if not above)
        path = [max(roots, key=lambda i: (heaviest[i], -i))]
        while below := self.children[path[-1]]:
            path.append(max(below, key=lambda i: (heaviest[i], -i)))
        return tuple(path)

    def _heaviest(self, weights: Sequence[float]) -> list[float]:
        """By step, the weight of the heaviest chain that starts there."""
        heaviest = list(weights)
        for i in reversed(self.order):
            heaviest[i] += max((heaviest[child] for child in self.children[i]), default=0.0)
        return heaviest

    def to_networkx(self) -> nx.DiGraph[str]:
        """The same graph for networkx's algorithms and writers; nodes are step names."""
        import networkx as nx  # noqa: PLC0415 - 40 ms of import that a reconcile never needs

        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self.names)
        graph.add_edges_from(
            (self.names[parent], name)
            for name, above in zip(self.names, self.parents, strict=True)
            for parent in above
        )
        return graph


def _topological_order(
    parents: Sequence[Sequence[int]], children: Sequence[Sequence[int]]
) -> list[int]:
    """Kahn's algorithm; what lies on or behind a cycle is missing from the answer."""
    unmet = [len(above) for above in parents]
    order = [i for i, count in enumerate(unmet) if count == 0]
    for i in order:  # the list grows while it is walked: it is the queue, too
        for child in children[i]:
            unmet[child] -= 1
            if unmet[child] == 0:
                order.append(child)
    return order


def _cycle(
    names: Sequence[str], parents: Sequence[Sequence[int]], sorted_part: Sequence[int]
) -> list[str]:
    import networkx as nx  # noqa: PLC0415 - only a broken graph pays for the import

    done = set(sorted_part)
    rest: nx.DiGraph[str] = nx.DiGraph(
        (names[parent], names[i])
        for i in range(len(names))
        if i not in done
        for parent in parents[i]
        if parent not in done
    )
    edges = [(edge[0], edge[1]) for edge in nx.find_cycle(rest)]
    return [edges[0][0], *(target for _, target in edges)]
