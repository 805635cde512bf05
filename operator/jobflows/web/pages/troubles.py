"""What fails, and where time goes: over all flows."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import Response

from jobflows import archive as queries
from jobflows.api.durations import DAY
from jobflows.archive import AttemptFilter, ErrorFilter
from jobflows.web.pages.listing import listed
from jobflows.web.places import Places
from jobflows.web.queries import costs
from jobflows.web.queries.one_error import one_error
from jobflows.web.sight import sight_of, unsampled
from jobflows.web.site import site_of

router = APIRouter(include_in_schema=False)

ROWS = 50
PERIODS = {"1": "1 day", "7": "7 days", "30": "30 days", "": "all time"}
USUAL = "7"


@router.get("/errors")
def errors(request: Request) -> Response:
    """Failures that are alike, the most frequent first."""
    site, places = site_of(request), Places(request)
    days, since = _since(request, site.now())
    with site.archive.reading() as connection:
        sight = sight_of(request, connection)
        where = ErrorFilter(flow_id=places.value("flow") or None, since=since, **sight.where)
        after = places.value("after") or None
        found, problem = listed(queries.errors, connection, where, after, ROWS)
    found = unsampled(found, sight)
    return site.page(
        request, "errors.html", found=found, problem=problem, days=days, periods=PERIODS
    )


@router.get("/errors/{error}")
def error(request: Request, error: str) -> Response:
    """The attempts that failed with one error."""
    site, places = site_of(request), Places(request)
    flow = places.value("flow") or None
    with site.archive.reading() as connection:
        sight = sight_of(request, connection)
        where = AttemptFilter(error_id=error, flow_id=flow, **sight.where)
        after = places.value("after") or None
        found, problem = listed(queries.attempts, connection, where, after, ROWS)
        named = one_error(connection, error)
        names = {
            each: info.name if (info := queries.flow(connection, each)) else each
            for each in {attempt.flow_id for attempt in found.items}
        }
    if named is None or not (sight.is_all or found.items):
        return site.missing(request, "There is no such error in the archive.")
    if not sight.is_all:
        named = replace(named, sample=named.pattern)
    return site.page(request, "error.html", error=named, found=found, names=names, problem=problem)


@router.get("/bottlenecks")
def bottlenecks(request: Request) -> Response:
    """Where time goes."""
    site = site_of(request)
    days, since = _since(request, site.now())
    with site.archive.reading() as connection:
        sight = sight_of(request, connection)
        found = site.memory.of(
            ("costs", days, sight),
            lambda: costs.of_kinds(connection, since=since or 0.0, **sight.where),
        )
    return site.page(
        request,
        "bottlenecks.html",
        found=found,
        most=max((each.seconds for each in found), default=0.0) or 1.0,
        days=days,
        periods=PERIODS,
        newest=costs.NEWEST,
    )


def _since(request: Request, now: float) -> tuple[str, float | None]:
    days = request.query_params.get("days", USUAL)
    if days not in PERIODS:
        days = USUAL
    return days, now - int(days) * DAY if days else None
