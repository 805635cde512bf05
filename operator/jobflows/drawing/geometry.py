"""Where the boxes and the lines of a picture are, in the units of an SVG.

Layers run from left to right, or downwards when there are more layers than boxes in the widest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobflows.drawing.layout import Layout, Size, arrange
from jobflows.drawing.picture import Node, Picture

NAME_WIDTH, WORDS_WIDTH = 7.6, 6.2
"""Widths of a letter, rather too wide than too narrow: fonts differ."""

LONGEST = 44
PADDING = 10
LINE_HEIGHT = 14
MAIN_GAP, CROSS_GAP = 56.0, 12.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle from its top left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """An edge: the data of a path, and the corners of the tip at its end."""

    path: str
    tip: str
    critical: bool


class Geometry:
    """The boxes and lines of one picture."""

    def __init__(self, picture: Picture, *, bar: float = 0.0) -> None:
        """`bar` is room at the bottom of boxes that stand for many."""
        self._picture = picture
        widest = max((len(layer) for layer in picture.layers), default=0)
        self._down = len(picture.layers) > widest
        self._sizes = [_size(node, bar if node.parts else 0.0) for node in picture.nodes]
        self._layout: Layout = arrange(
            picture.layers,
            picture.edges,
            [Size(h, w) if self._down else Size(w, h) for w, h in self._sizes],
            main_gap=MAIN_GAP * (0.6 if self._down else 1.0),
            cross_gap=CROSS_GAP * (1.6 if self._down else 1.0),
        )

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height of it all."""
        return self._turned(self._layout.main, self._layout.cross)

    def box(self, at: int) -> Box:
        """The box of the node at that position."""
        x, y = self._turned(*self._layout.places[at])
        wide, high = self._sizes[at]
        return Box(x - wide / 2, y - high / 2, wide, high)

    def lines(self) -> Iterator[Line]:
        """All edges; those of the critical path come last, over the others."""
        critical = self._picture.critical
        drawn = sorted(
            zip(self._picture.edges, self._layout.routes, strict=True),
            key=lambda pair: pair[0] in critical,
        )
        for (a, b), route in drawn:
            points = [self._border(a, 1), *(self._turned(*p) for p in route), self._border(b, -1)]
            yield Line(self._curve(points), self._tip(points[-1]), (a, b) in critical)

    def _turned(self, main: float, cross: float) -> Point:
        return (cross, main) if self._down else (main, cross)

    def _border(self, at: int, side: int) -> Point:
        """Where lines leave a box (1) or reach it (-1)."""
        x, y = self._turned(*self._layout.places[at])
        wide, high = self._sizes[at]
        return (x, y + side * high / 2) if self._down else (x + side * wide / 2, y)

    def _curve(self, points: Sequence[Point]) -> str:
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
        for (x, y), (to_x, to_y) in itertools.pairwise(points):
            if self._down:
                middle = (y + to_y) / 2
                path += f" C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
            else:
                middle = (x + to_x) / 2
                path += f" C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        return path

    def _tip(self, point: Point) -> str:
        x, y = point
        return (
            f"{x - 3.5:.1f},{y - 6:.1f} {x + 3.5:.1f},{y - 6:.1f} {x:.1f},{y:.1f}"
            if self._down
            else f"{x - 6:.1f},{y - 3.5:.1f} {x - 6:.1f},{y + 3.5:.1f} {x:.1f},{y:.1f}"
        )


def _size(node: Node, room: float) -> tuple[float, float]:
    """Width and height."""
    widths = [len(short(node.name)) * NAME_WIDTH]
    widths += [len(short(words)) * WORDS_WIDTH for words in node.details]
    return max(64.0, *widths) + 2 * PADDING, 28.0 + LINE_HEIGHT * len(node.details) + room


def short(words: str) -> str:
    """Names may be 63 letters long; the ends tell more than the middle."""
    if len(words) <= LONGEST:
        return words
    half = LONGEST // 2
    return f"{words[:half]}…{words[-half + 1 :]}"


def printable(words: str) -> str:
    """Without what XML cannot hold."""
    return "".join(c if c.isprintable() else " " for c in words)
