"""When each step ran: a bar a step, with a thin line from when it could have started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobflows.drawing.geometry import short
from jobflows.measures import duration
from jobflows.web.figures.scale import Scale

WIDTH, LABELS, ROW = 960.0, 220.0, 20.0
HEAD = 22.0
MOST = 60


@dataclass(frozen=True, slots=True)
class Span:
    """When something ran. `ready` is when nothing that it depends on was in its way."""

    name: str
    phase: str
    ready: float | None
    started: float
    finished: float | None
    href: str = ""
    critical: bool = False
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of the picture."""

    span: Span
    label: str
    title: str
    top: float
    left: float
    width: float
    wait: float
    """Where the line of its waiting begins; the same as `left` when it did not wait."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across the picture, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Gantt:
    """The whole picture; `hidden` spans had no room."""

    width: float
    height: float
    labels: float
    rows: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    hidden: int


def gantt(spans: Sequence[Span], now: float) -> Gantt | None:
    """The picture; None when nothing has started."""
    if not spans:
        return None
    shown = sorted(spans, key=lambda span: (not span.critical, -_seconds(span, now)))[:MOST]
    shown.sort(key=lambda span: (span.started, span.finished or now, span.name))
    low = min(min(span.started, span.ready or span.started) for span in shown)
    high = max(max(span.finished or now, span.started) for span in shown)
    scale = Scale(low, max(high, low + 0.001), LABELS, WIDTH - 8)
    rows = []
    for at, span in enumerate(shown):
        left, right = scale(span.started), scale(span.finished or max(now, span.started))
        ready = span.ready if span.ready is not None and span.ready < span.started else span.started
        words = f"{span.name}: {span.phase}, ran {duration(_seconds(span, now))}"
        if span.started - ready >= 0.005:
            words += f", waited {duration(span.started - ready)}"
        rows.append(
            Bar(
                span=span,
                label=short(span.name) if len(span.name) <= 30 else f"{span.name[:29]}…",
                title=words,
                top=HEAD + at * ROW,
                left=left,
                width=max(1.5, round(right - left, 1)),
                wait=scale(ready),
            )
        )
    return Gantt(
        width=WIDTH,
        height=HEAD + len(rows) * ROW + 4,
        labels=LABELS,
        rows=tuple(rows),
        marks=tuple(Mark(scale(at), short_time(at - low)) for at in scale.time_marks()),
        hidden=len(spans) - len(shown),
    )


def short_time(seconds: float) -> str:
    """A mark of an axis: 0, 30s, 5m, 2h, 3d."""
    seconds = round(seconds, 5)  # a difference of moments has no more digits that count
    for unit, name in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:.0f}{name}"
    return duration(seconds) if seconds >= 60 else f"{seconds:g}s"


def _seconds(span: Span, now: float) -> float:
    return max(0.0, (span.finished or now) - span.started)
