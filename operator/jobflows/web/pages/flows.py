"""The first page: flows, the newest first, with a filter."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from jobflows import archive as queries
from jobflows.api.durations import DAY
from jobflows.api.status import FlowPhase
from jobflows.archive import FlowFilter
from jobflows.web.figures.days import days
from jobflows.web.pages.listing import listed
from jobflows.web.sight import seen, sight_of
from jobflows.web.site import Site, site_of

router = APIRouter(include_in_schema=False)

ROWS = 50
DAYS = 30


@router.get("/")
def flows(request: Request) -> Response:
    """The list of flows."""
    site, given = site_of(request), request.query_params
    asked, problem = _filter(site, request)
    now = site.now()
    with site.archive.reading() as connection:
        sight = sight_of(request, connection)
        where = seen(asked, sight)
        found, wrong = listed(queries.flows, connection, where, given.get("after"), ROWS)
        since = (now // DAY - DAYS + 1) * DAY
        counts = queries.summary(connection, since=since, until=now + DAY, **sight.where)
    return site.page(
        request,
        "flows.html",
        found=found,
        problem=wrong or problem,
        phases=[str(phase) for phase in FlowPhase],
        days=days(counts, since, DAYS),
        now=now,
        filtered=any(given.get(name) for name in FIELDS),
    )


FIELDS = ("name", "phase", "namespace", "origin", "user", "label", "since", "until")


def _filter(site: Site, request: Request) -> tuple[FlowFilter, str]:
    given = request.query_params
    try:
        since, until = _day(site, given.get("since")), _day(site, given.get("until"))
        problem = ""
    except ValueError:
        since = until = None
        problem = "A day is written as 2026-11-21."
    where = FlowFilter(
        name_contains=given.get("name") or None,
        phase=given.get("phase") or None,
        namespace=given.get("namespace") or None,
        origin=given.get("origin") or None,
        created_by=given.get("user") or None,
        since=since,
        until=None if until is None else until + DAY,
        label=label_of(given.get("label")),
    )
    return where, problem


def label_of(text: str | None) -> tuple[str, str] | None:
    """`key=value`; None when nothing is asked."""
    if not text:
        return None
    key, _, value = text.partition("=")
    return key.strip(), value.strip()


def _day(site: Site, text: str | None) -> float | None:
    if not text:
        return None
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=site.zone).timestamp()
