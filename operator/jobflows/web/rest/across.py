"""What many flows have in common: attempts, failures, what steps use, how many ran."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from jobflows import archive as queries
from jobflows.archive import (
    AttemptFilter,
    AttemptInfo,
    DayCount,
    ErrorCluster,
    ErrorFilter,
    KindFilter,
    KindInfo,
)
from jobflows.usage import MARGIN, PERCENTILE, advise
from jobflows.web.rest.answering import (
    PROBLEMS,
    After,
    Cause,
    Limit,
    Namespace,
    Origin,
    Phase,
    Since,
    Until,
    answer,
    known,
    page_of,
    within,
)
from jobflows.web.rest.shapes import Page, UsageOf
from jobflows.web.sight import flow_of, hidden, sight_of, unsampled
from jobflows.web.site import site_of

router = APIRouter(tags=["across flows"], dependencies=[Depends(hidden)], responses=PROBLEMS)

Kind = Annotated[str | None, Query(description="Id of a kind.")]


@router.get("/attempts", response_model=Page[AttemptInfo])
def list_attempts_across(
    request: Request,
    *,
    kind: Kind = None,
    error: Annotated[str | None, Query(description="Id of an error.")] = None,
    phase: Phase = None,
    cause: Cause = None,
    origin: Origin = None,
    namespace: Namespace = None,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """Attempts of all flows that have ended, the last ones first. Times are of their ends."""
    with site_of(request).archive.reading() as connection:
        where = AttemptFilter(
            kind_id=kind,
            error_id=error,
            phase=phase,
            cause=cause,
            since=since,
            until=until,
            **within(request, connection, namespace, origin),
        )
        found = queries.attempts(connection, where, after=after, limit=limit)
    return answer(request, Page[AttemptInfo], page_of(Page[AttemptInfo], found))


@router.get("/errors", response_model=Page[ErrorCluster])
def list_errors(
    request: Request,
    *,
    flow: Annotated[str | None, Query(description="Id of a flow, or its name.")] = None,
    kind: Kind = None,
    origin: Origin = None,
    namespace: Namespace = None,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Limit = 50,
) -> Response:
    """Failures that are alike, the most frequent first."""
    with site_of(request).archive.reading() as connection:
        if flow is not None:
            one = flow_of(request, connection, flow, namespace=namespace, origin=origin)
            flow = flow if one is None else one.id
        where = ErrorFilter(
            flow_id=flow,
            kind_id=kind,
            since=since,
            until=until,
            **within(request, connection, namespace, origin),
        )
        found = queries.errors(connection, where, after=after, limit=limit)
        shown = unsampled(found, sight_of(request, connection))
    return answer(request, Page[ErrorCluster], page_of(Page[ErrorCluster], shown))


@router.get("/kinds", response_model=Page[KindInfo])
def list_kinds(
    request: Request,
    *,
    name: Annotated[str | None, Query(description="Part of the name.")] = None,
    family: Annotated[str | None, Query(description="What repeats: exactly that.")] = None,
    origin: Origin = None,
    namespace: Namespace = None,
    after: After = None,
    limit: Limit = 50,
) -> Response:
    """Steps that can be compared over many runs, by family and name."""
    with site_of(request).archive.reading() as connection:
        limits = within(request, connection, namespace, origin)
        where = KindFilter(family=family, name_contains=name, **limits)
        found = queries.kinds(connection, where, after=after, limit=limit)
    return answer(request, Page[KindInfo], page_of(Page[KindInfo], found))


@router.get("/kinds/{kind}", response_model=KindInfo)
def read_kind(request: Request, kind: str) -> Response:
    """One of them."""
    with site_of(request).archive.reading() as connection:
        found = queries.kind(connection, kind)
    return answer(request, KindInfo, known(found, f"kind {kind}"))


@router.get("/kinds/{kind}/usage", response_model=UsageOf)
def read_usage(
    request: Request,
    kind: str,
    *,
    percentile: Annotated[
        float, Query(gt=0, le=100, description="Which one the request is made of.")
    ] = PERCENTILE,
    margin: Annotated[float, Query(ge=0, le=10, description="A part, such as 0.1.")] = MARGIN,
    since: Since = None,
) -> Response:
    """What the newest attempts have used, and what to ask for."""
    site = site_of(request)
    with site.archive.reading() as connection:
        known(queries.kind(connection, kind), f"kind {kind}")
        usage = site.memory.of(
            ("usage", kind, since), lambda: queries.usage(connection, kind, since=since)
        )
    found = UsageOf.of(usage, advise(usage, percentile=percentile, margin=margin))
    return answer(request, UsageOf, found)


@router.get("/summary", response_model=list[DayCount])
def read_summary(
    request: Request,
    *,
    since: Annotated[float, Query(description="Not before, in UNIX seconds.", allow_inf_nan=False)],
    until: Annotated[float, Query(description="Before, in UNIX seconds.", allow_inf_nan=False)],
    origin: Origin = None,
    namespace: Namespace = None,
) -> Response:
    """How many flows were created each day, by where they stand now."""
    with site_of(request).archive.reading() as connection:
        where = within(request, connection, namespace, origin)
        found = queries.summary(connection, since=since, until=until, **where)
    return answer(request, list[DayCount], found)
