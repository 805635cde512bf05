"""What attempts used against what they had asked for: each as a point, and how they spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jobflows.web.figures.gantt import Mark
from jobflows.web.figures.scale import Scale

WIDTH, HEIGHT = 460.0, 240.0
LEFT, BOTTOM, TOP, RIGHT = 64.0, 40.0, 12.0, 10.0
BINS = 30

Marks = Callable[[Scale], list[float]]
Words = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Axis:
    """What is measured along one side."""

    title: str
    marks: Marks
    words: Words


@dataclass(frozen=True, slots=True)
class Point:
    """One attempt."""

    x: float
    y: float
    phase: str


@dataclass(frozen=True, slots=True)
class Line:
    """A value with a name, such as a percentile or what was asked for."""

    at: float
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A frame with marks on two sides. `dots` has for each phase the data of one path."""

    width: float
    height: float
    across: tuple[Mark, ...]
    up: tuple[Mark, ...]
    x_title: str
    y_title: str
    dots: tuple[tuple[str, str], ...] = ()
    bars: tuple[tuple[float, float, float, float, str], ...] = ()
    """Left, top, width, height and what it says."""

    verticals: tuple[Line, ...] = ()
    horizontals: tuple[Line, ...] = ()

    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


def scatter(
    points: Sequence[Point], x: Axis, y: Axis, *, levels: Sequence[Line] = ()
) -> Plot | None:
    """Points, with levels of `y` drawn across."""
    if not points:
        return None
    right = max(point.x for point in points) * 1.05 or 1.0
    high = max([*(point.y for point in points), *(level.at for level in levels)]) * 1.05 or 1.0
    along, up = Scale(0, right, LEFT, WIDTH - RIGHT), Scale(0, high, HEIGHT - BOTTOM, TOP)
    paths: dict[str, list[str]] = {}
    for point in points:
        paths.setdefault(point.phase, []).append(f"M{along(point.x)} {up(point.y)}h0")
    return Plot(
        width=WIDTH,
        height=HEIGHT,
        across=tuple(Mark(along(v), x.words(v)) for v in x.marks(along)),
        up=tuple(Mark(up(v), y.words(v)) for v in y.marks(up)),
        x_title=x.title,
        y_title=y.title,
        dots=tuple((phase, "".join(path)) for phase, path in sorted(paths.items())),
        horizontals=tuple(Line(up(level.at), level.text, level.kind) for level in levels),
    )


def histogram(values: Sequence[float], x: Axis, *, levels: Sequence[Line] = ()) -> Plot | None:
    """How many values lie in each of equal slices, with levels drawn upright."""
    if not values:
        return None
    high = max([*values, *(level.at for level in levels)]) * 1.05 or 1.0
    along = Scale(0, high, LEFT, WIDTH - RIGHT)
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, int(value / high * BINS))] += 1
    up = Scale(0, max(counts), HEIGHT - BOTTOM, TOP)
    bars = []
    for at, count in enumerate(counts):
        if not count:
            continue
        low, end = high * at / BINS, high * (at + 1) / BINS
        top = up(count)
        bars.append(
            (
                along(low),
                top,
                round(along(end) - along(low) - 1, 1),
                round(up(0) - top, 1),
                f"{count} from {x.words(low)} to {x.words(end)}",
            )
        )
    return Plot(
        width=WIDTH,
        height=HEIGHT,
        across=tuple(Mark(along(v), x.words(v)) for v in x.marks(along)),
        up=tuple(Mark(up(v), f"{v:g}") for v in up.marks(4) if v == int(v)),
        x_title=x.title,
        y_title="attempts",
        bars=tuple(bars),
        verticals=tuple(Line(along(level.at), level.text, level.kind) for level in levels),
    )
