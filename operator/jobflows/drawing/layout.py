"""Where boxes and lines go: layers beside each other, few crossings, lines that run straight.

The usual way for layered graphs. An edge that spans several layers gets a waypoint in each, so that
it runs between boxes and not behind them. Each layer is ordered by where its neighbours are, over
and again; then each box moves as near to its neighbours as the order and the gaps allow, which is a
least-squares fit that pools what would overlap.

Everything here counts along two axes: `main`, from layer to layer, and `cross`, within a layer.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

SWEEPS = 12
WAYPOINT = 6.0
"""Room that a passing line takes, across."""

MOST_WAYPOINTS = 4_000
"""Beyond, long edges are drawn straight, behind the boxes."""


@dataclass(frozen=True, slots=True)
class Size:
    """A box along both axes."""

    main: float
    cross: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Centres of boxes as (main, cross), and for each edge the waypoints between its ends."""

    places: tuple[tuple[float, float], ...]
    routes: tuple[tuple[tuple[float, float], ...], ...]
    main: float
    cross: float


def arrange(
    layers: Sequence[Sequence[int]],
    edges: Sequence[tuple[int, int]],
    sizes: Sequence[Size],
    *,
    main_gap: float,
    cross_gap: float,
) -> Layout:
    """Place the boxes of `layers`; edges lead from earlier layers to later ones."""
    web = _Web(layers, edges, len(sizes))
    web.order()
    across = [size.cross for size in sizes] + [WAYPOINT] * (web.count - len(sizes))
    crosses = web.settle(across, cross_gap)
    mains, deeps, at = [0.0] * web.count, [0.0] * web.count, 0.0
    for layer in web.layers:
        deep = max((sizes[i].main for i in layer if i < len(sizes)), default=0.0)
        for i in layer:
            mains[i], deeps[i] = at + deep / 2, deep
        at += deep + main_gap
    low = min((c - a / 2 for c, a in zip(crosses, across, strict=True)), default=0.0)
    high = max((c + a / 2 for c, a in zip(crosses, across, strict=True)), default=0.0)
    points = [(m, c - low) for m, c in zip(mains, crosses, strict=True)]
    return Layout(
        places=tuple(points[: len(sizes)]),
        routes=tuple(
            tuple(
                (points[i][0] + side * deeps[i] / 2, points[i][1])
                for i in route
                for side in (-1, 1)  # straight past the boxes of the layer
            )
            for route in web.routes
        ),
        main=max(0.0, at - main_gap),
        cross=high - low,
    )


class _Web:
    """Boxes and waypoints by layer, with their neighbours before and behind."""

    def __init__(
        self, layers: Sequence[Sequence[int]], edges: Sequence[tuple[int, int]], boxes: int
    ) -> None:
        self.layers = [list(layer) for layer in layers]
        self.count = boxes
        depth = {i: number for number, layer in enumerate(layers) for i in layer}
        spans = sum(depth[b] - depth[a] - 1 for a, b in edges)
        self.routes: list[list[int]] = []
        self.before: list[list[int]] = [[] for _ in range(boxes)]
        self.behind: list[list[int]] = [[] for _ in range(boxes)]
        for a, b in edges:
            route = []
            if spans <= MOST_WAYPOINTS:
                for number in range(depth[a] + 1, depth[b]):
                    route.append(self.count)
                    self.layers[number].append(self.count)
                    self.before.append([])
                    self.behind.append([])
                    self.count += 1
            self.routes.append(route)
            way = [a, *route, b]
            for one, other in itertools.pairwise(way):
                self.behind[one].append(other)
                self.before[other].append(one)

    def order(self) -> None:
        """Sort each layer by the mean place of its neighbours, forwards and backwards in turn."""
        place = [0.0] * self.count
        self._number(place)
        for sweep in range(SWEEPS):
            forwards = sweep % 2 == 0
            near = self.before if forwards else self.behind
            for layer in self.layers if forwards else reversed(self.layers):
                wanted = {i: _mean([place[j] for j in near[i]], place[i]) for i in layer}
                layer.sort(key=lambda i: wanted[i])
                _spread(layer, place)

    def _number(self, place: list[float]) -> None:
        for layer in self.layers:
            _spread(layer, place)

    def settle(self, across: Sequence[float], gap: float) -> list[float]:
        """The cross place of each box and waypoint."""
        crosses = [0.0] * self.count
        for layer in self.layers:
            at = -sum(across[i] + gap for i in layer) / 2
            for i in layer:
                crosses[i] = at + across[i] / 2
                at += across[i] + gap
        for sweep in range(SWEEPS):
            forwards = sweep % 2 == 0
            near = self.before if forwards else self.behind
            for layer in self.layers if forwards else reversed(self.layers):
                wanted = [_mean([crosses[j] for j in near[i]], crosses[i]) for i in layer]
                for i, cross in zip(layer, _apart(layer, wanted, across, gap), strict=True):
                    crosses[i] = cross
        return crosses


def _spread(layer: Sequence[int], place: list[float]) -> None:
    """Places from 0 to 1, so that layers of different sizes compare."""
    for at, i in enumerate(layer):
        place[i] = (at + 0.5) / len(layer)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _apart(
    layer: Sequence[int], wanted: Sequence[float], across: Sequence[float], gap: float
) -> list[float]:
    """The places nearest to `wanted` (least squares) that keep the order and the gaps.

    Pool adjacent violators, on places from which the room of all before was taken.
    """
    offsets, at = [], 0.0
    for before, i in zip([None, *layer], layer, strict=False):
        at += 0.0 if before is None else (across[before] + across[i]) / 2 + gap
        offsets.append(at)
    pools: list[tuple[float, int]] = []  # the sum of what the members want, and their number
    for want, offset in zip(wanted, offsets, strict=True):
        total, count = want - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            more, others = pools.pop()
            total, count = total + more, count + others
        pools.append((total, count))
    bases = [total / count for total, count in pools for _ in range(count)]
    return [base + offset for base, offset in zip(bases, offsets, strict=True)]
