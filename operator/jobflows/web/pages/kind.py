"""What steps that are alike have used over many runs, and what they should ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from jobflows import archive as queries
from jobflows.archive import AttemptFilter, AttemptInfo, KindFilter
from jobflows.usage import Advice, Samples, Usage, advise
from jobflows.web import words
from jobflows.web.figures.scale import Scale
from jobflows.web.figures.spread import Axis, Line, Plot, Point, histogram, scatter
from jobflows.web.pages.listing import listed
from jobflows.web.places import Places
from jobflows.web.sight import hidden, sight_of
from jobflows.web.site import site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(hidden)])

ROWS = 50

SECONDS = Axis("seconds that it ran", Scale.marks, lambda v: f"{v:.4g}")
MEMORY = Axis("peak memory", Scale.size_marks, words.size)


@dataclass(frozen=True, slots=True)
class Figure:
    """A percentile, and how sure it is."""

    text: str
    sure: str


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: percentiles by their number, the largest, and what is asked for now."""

    name: str
    values: tuple[Figure, ...]
    largest: str
    asked: str


@dataclass(frozen=True, slots=True)
class Use:
    """What the newest attempts of a kind have used. `asked` is what the last of them had."""

    usage: Usage
    advice: Advice
    rows: tuple[Row, ...]
    against: Plot | None
    memory: Plot | None
    wall: Plot | None
    asked_memory: int | None
    asked_cpu: int | None


def use_of(connection: Connection, kind_id: str) -> Use:
    """Read and draw it."""
    usage = queries.usage(connection, kind_id)
    points = queries.points(connection, kind_id)
    last = points[-1] if points else None
    memory = (last.memory or last.memory_request) if last else None
    cpu = last.cpu if last else None
    advice = advise(usage)
    levels = _levels(usage.memory, memory)
    return Use(
        usage=usage,
        advice=advice,
        rows=(
            _row("memory", usage.memory, words.size, words.size(memory) if memory else ""),
            _row("time", usage.wall, words.span, ""),
            _row("cores", usage.cores, lambda v: f"{v:.2g}", words.cores(cpu) if cpu else ""),
        ),
        against=_against(points, levels),
        memory=histogram(usage.memory.seen, MEMORY, levels=levels),
        wall=histogram(usage.wall.seen, SECONDS, levels=_levels(usage.wall, None)),
        asked_memory=memory,
        asked_cpu=cpu,
    )


@router.get("/kinds")
def kinds(request: Request) -> Response:
    """The list of what can be compared."""
    site, places = site_of(request), Places(request)
    with site.archive.reading() as connection:
        sight = sight_of(request, connection)
        where = KindFilter(name_contains=places.value("name") or None, **sight.where)
        after = places.value("after") or None
        found, problem = listed(queries.kinds, connection, where, after, ROWS)
    return site.page(request, "kinds.html", found=found, problem=problem)


@router.get("/kinds/{kind}")
def kind(request: Request, kind: str) -> Response:
    """The page of a kind."""
    site, places = site_of(request), Places(request)
    with site.archive.reading() as connection:
        known = queries.kind(connection, kind)
        if known is None:
            return site.missing(request, "There is no such step in the archive.")
        use = site.memory.of(("use", kind), lambda: use_of(connection, kind))
        where = AttemptFilter(kind_id=kind)
        after = places.value("after") or None
        found, problem = listed(queries.attempts, connection, where, after, ROWS)
    return site.page(
        request, "kind.html", kind=known, use=use, found=found, problem=problem, now=site.now()
    )


def _row(name: str, samples: Samples, say: Callable[[float], str], asked: str) -> Row:
    def said(value: float | None) -> str:
        return words.UNKNOWN if value is None else say(value)

    return Row(
        name=name,
        values=tuple(
            Figure(
                f"> {say(max(samples.cut))}" if value is None and samples.cut else said(value),
                f"with 95 % confidence from {said(low)} to {said(high)}" if len(samples) else "",
            )
            for value, (low, high) in zip(
                samples.percentiles.values(), samples.intervals.values(), strict=True
            )
        ),
        largest=said(samples.largest),
        asked=asked,
    )


def _levels(samples: Samples, asked: int | None) -> list[Line]:
    lines = []
    for point in (50, 95):
        value = samples.percentile(point)
        if value is not None:
            lines.append(Line(value, f"p{point}", "percentile"))
    if asked:
        lines.append(Line(float(asked), "asked for", "asked"))
    return lines


def _against(points: Sequence[AttemptInfo], levels: Sequence[Line]) -> Plot | None:
    drawn = [
        Point(each.seconds, float(each.peak_memory), each.phase)
        for each in points
        if each.seconds is not None and each.peak_memory is not None
    ]
    return scatter(drawn, SECONDS, MEMORY, levels=levels)
