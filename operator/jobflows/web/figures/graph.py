"""What waits for what: a node for each step, or for many that are alike, with a bar of how far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobflows.drawing.geometry import PADDING, Box, Geometry, Line, short
from jobflows.drawing.picture import Node, Picture
from jobflows.engine import StepPhase

BAR_ROOM = 8.0
"""Below the words of a node."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar."""

    phase: StepPhase
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A node with its place."""

    node: Node
    box: Box
    href: str
    name: str
    details: tuple[str, ...]
    bar: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole picture."""

    width: float
    height: float
    nodes: tuple[Drawn, ...]
    lines: tuple[Line, ...]
    picture: Picture


def graph(picture: Picture, href: Callable[[Node], str]) -> Graph:
    """Place everything; `href` says where a click on a node leads."""
    geometry = Geometry(picture, bar=BAR_ROOM)
    width, height = geometry.extent
    nodes = []
    for at, node in enumerate(picture.nodes):
        box = geometry.box(at)
        nodes.append(
            Drawn(
                node=node,
                box=box,
                href=href(node),
                name=short(node.name),
                details=tuple(map(short, node.details)),
                bar=tuple(_bar(node, box.width - 2 * PADDING)),
            )
        )
    return Graph(width + 8, height + 8, tuple(nodes), tuple(geometry.lines()), picture)


def _bar(node: Node, width: float) -> list[Part]:
    total = sum(count for _, count in node.parts)
    parts, left = [], 0.0
    for phase, count in node.parts:
        wide = width * count / total
        parts.append(Part(phase, round(left, 1), round(wide, 2)))
        left += wide
    return parts
