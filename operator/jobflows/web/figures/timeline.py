"""How many ran at once, over time, and when some failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobflows.web.figures.gantt import Mark, short_time
from jobflows.web.figures.scale import Scale

WIDTH, HEIGHT = 960.0, 180.0
LEFT, BOTTOM, TOP = 56.0, 24.0, 10.0


@dataclass(frozen=True, slots=True)
class Buckets:
    """Of equal slices of time from `since`: how many began and ended, and how many failed.

    `seconds` is the length of a slice. `most` ran at once, where that was counted.
    """

    since: float
    seconds: float
    count: int
    started: Mapping[int, int]
    ended: Mapping[int, int]
    failed: Mapping[int, int]
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Failures:
    """A mark where attempts failed."""

    at: float
    count: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """The picture: an area as the data of a path, marks of both axes, and failures."""

    width: float
    height: float
    area: str
    across: tuple[Mark, ...]
    up: tuple[Mark, ...]
    failures: tuple[Failures, ...]
    most: int


def timeline(buckets: Buckets) -> Timeline | None:
    """The picture; None when nothing has started."""
    if not buckets.started:
        return None
    running, heights = 0, []
    for at in range(buckets.count):
        before, begun = running, buckets.started.get(at, 0)
        running += begun - buckets.ended.get(at, 0)
        # Who began after others had ended in one slice did not run beside them.
        heights.append(max(before, running, min(begun, 1)))
    most = buckets.most or max(heights)
    until = buckets.since + buckets.count * buckets.seconds
    x = Scale(buckets.since, until, LEFT, WIDTH - 8)
    y = Scale(0, most, HEIGHT - BOTTOM, TOP)
    path = [f"M{x(buckets.since)} {y(0)}"]
    for at, height in enumerate(heights):
        begin = buckets.since + at * buckets.seconds
        path.append(f"L{x(begin)} {y(height)} L{x(begin + buckets.seconds)} {y(height)}")
    path.append(f"L{x(until)} {y(0)} Z")
    return Timeline(
        width=WIDTH,
        height=HEIGHT,
        area=" ".join(path),
        across=tuple(Mark(x(at), short_time(at - buckets.since)) for at in x.time_marks(8)),
        up=tuple(Mark(y(v), f"{v:g}") for v in y.marks(4) if v == int(v)),
        failures=tuple(
            Failures(x(buckets.since + (at + 0.5) * buckets.seconds), count)
            for at, count in sorted(buckets.failed.items())
        ),
        most=most,
    )
