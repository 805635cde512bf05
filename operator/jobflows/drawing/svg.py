"""The picture as SVG, which every browser shows; no other program draws it.

Layers go from left to right, or from top to bottom where there are more layers than steps in the
largest one, so that a wide fan and a long chain both have names that can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from jobflows.drawing.colours import COLOURS, CRITICAL, LINE
from jobflows.drawing.geometry import LINE_HEIGHT, PADDING, Geometry, printable, short
from jobflows.drawing.picture import Node, Picture
from jobflows.measures import duration

FONT = "system-ui, 'DejaVu Sans', Verdana, sans-serif"
NAME_SIZE, WORDS_SIZE = 12, 10
MARGIN, HEAD = 16, 34


def to_svg(picture: Picture) -> str:
    """The picture as one SVG document."""
    return "\n".join(_Drawing(picture).lines()) + "\n"


class _Drawing:
    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._geometry = Geometry(picture)

    def lines(self) -> Iterator[str]:
        legend = _legend(self._picture)
        width, height = self._geometry.extent
        width = max(width, 7.0 * max(len(self._picture.title), *map(len, legend))) + 2 * MARGIN
        head = HEAD + 14 * len(legend)
        height += head + 2 * MARGIN
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
            f' viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONT}">'
        )
        yield f"<title>{escape(self._picture.title)}</title>"
        yield '<rect width="100%" height="100%" fill="#ffffff"/>'
        yield _text(MARGIN, MARGIN + 12, self._picture.title, 15, "#1b1f24", bold=True)
        for number, words in enumerate(legend):
            colour = CRITICAL if words.startswith("critical") else "#4a5460"
            yield _text(MARGIN, MARGIN + 30 + 14 * number, words, 11, colour)
        yield f'<g transform="translate({MARGIN},{head + MARGIN})">'
        yield from self._edges()
        for at, node in enumerate(self._picture.nodes):
            yield from self._node(at, node)
        yield "</g>"
        yield "</svg>"

    def _edges(self) -> Iterator[str]:
        for line in self._geometry.lines():
            stroke, wide = (CRITICAL, 2.2) if line.critical else (LINE, 1.1)
            yield f'<path d="{line.path}" fill="none" stroke="{stroke}" stroke-width="{wide}"/>'
            yield f'<polygon points="{line.tip}" fill="{stroke}"/>'

    def _node(self, at: int, node: Node) -> Iterator[str]:
        box = self._geometry.box(at)
        left, top, wide, high = box.left, box.top, box.width, box.height
        fill, line = COLOURS[node.phase]
        stroke, thick = (CRITICAL, 2.4) if node.critical else (line, 1.2)
        dashes = ' stroke-dasharray="5 3"' if node.on_exit else ""
        yield "<g>"
        tip = ": ".join(part for part in (node.name, node.words, node.message) if part)
        yield f"<title>{escape(printable(tip))}</title>"
        if node.steps > 1:  # a group looks like a pile
            yield (
                f'<rect x="{left + 4:.1f}" y="{top + 4:.1f}" width="{wide:.1f}"'
                f' height="{high:.1f}" rx="6" fill="{fill}" stroke="{line}"/>'
            )
        yield (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="6"'
            f' fill="{fill}" stroke="{stroke}" stroke-width="{thick}"{dashes}/>'
        )
        text = left + PADDING
        yield _text(text, top + 17, short(node.name), NAME_SIZE, "#1b1f24", bold=True)
        for number, words in enumerate(node.details):
            down = top + 17 + LINE_HEIGHT * (number + 1)
            yield _text(text, down, short(words), WORDS_SIZE, line)
        yield "</g>"


def _legend(picture: Picture) -> list[str]:
    names = picture.critical_names
    shown = [*names[:4], "…", names[-1]] if len(names) > 6 else list(names)
    took = "" if picture.critical_seconds is None else f", {duration(picture.critical_seconds)}"
    lines = [f"critical path: {' → '.join(shown)} ({len(names)} steps{took})"]
    if picture.hidden:
        lines.append(f"{picture.hidden} steps are drawn as groups of alike ones")
    return lines


def _text(x: float, y: float, words: str, size: int, colour: str, *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{weight}>'
        f"{escape(printable(words))}</text>"
    )
