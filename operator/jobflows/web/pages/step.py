"""The page of a step: its attempts, what they used against what they asked for, one attempt."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response

from jobflows import archive as queries
from jobflows.api.status import FlowPhase
from jobflows.archive import AttemptFilter, ErrorFilter
from jobflows.archive.models import NO_TASK
from jobflows.web.figures.timeline import timeline
from jobflows.web.pages.kind import use_of
from jobflows.web.pages.listing import listed
from jobflows.web.places import Places
from jobflows.web.queries import counts, running
from jobflows.web.queries.one_step import one_step
from jobflows.web.sight import flow_of, hidden, may_read_logs, sight_of, unsampled
from jobflows.web.site import site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(hidden)])

ROWS = 25
MAX_DIGITS = 9


@router.get("/flows/{flow}/steps/{step:path}")
def step(request: Request, flow: str, step: str) -> Response:
    """The page of a step."""
    site, places = site_of(request), Places(request)
    now = site.now()
    with site.archive.reading() as connection:
        info = flow_of(request, connection, flow)
        if info is None:
            return site.missing(request, f"There is no flow {flow} in the archive.")
        this = one_step(connection, info, step)
        if this is None:
            return site.missing(request, f"Flow {info.name} has no step {step}.")
        where = AttemptFilter(flow_id=info.id, step=step, phase=places.value("phase") or None)
        after = places.value("after") or None
        found, problem = listed(queries.attempts, connection, where, after, ROWS)
        phases = site.memory.of(
            ("phases", info.id, step), lambda: counts.by_phase(connection, info.id, step)
        )
        chunkings = queries.chunkings(connection, info.id)
        wanted = ErrorFilter(flow_id=info.id, kind_id=this.kind_id)
        sight = sight_of(request, connection)
        errors = unsampled(queries.errors(connection, wanted, limit=5), sight)
        buckets = None
        if sum(phases.values()) > 1:
            end = info.finished or now
            buckets = site.memory.of(
                ("over time", info.id, step),
                lambda: running.over_time(connection, info.id, end, step=step),
            )
        kind_id = this.kind_id
        use = site.memory.of(("use", kind_id), lambda: use_of(connection, kind_id))
    return site.page(
        request,
        "step.html",
        info=info,
        step=this,
        found=found,
        problem=problem,
        phases=phases,
        chunking=next((each for each in chunkings if each.step == step), None),
        errors=errors,
        timeline=timeline(buckets) if buckets else None,
        use=use,
        orders=site.orders_for(request, info),
        is_over=info.phase in (FlowPhase.SUCCEEDED, FlowPhase.FAILED),
        now=now,
    )


@router.get("/flows/{flow}/attempt")
def attempt(request: Request, flow: str, step: str, attempt: str, task: str = "") -> Response:
    """One attempt with its log."""
    site = site_of(request)
    number, index = _whole(attempt), _whole(task) if task else NO_TASK
    with site.archive.reading() as connection:
        info = flow_of(request, connection, flow)
        found = None
        if info is not None and number is not None and index is not None:
            found = queries.attempt(connection, info.id, step, number, index)
        if info is None or found is None:
            return site.missing(request, f"There is no attempt {attempt} of step {step}.")
        may_read = may_read_logs(request, info.namespace)
        tail = site.log(connection, found) if may_read else None
    return site.page(
        request,
        "attempt.html",
        info=info,
        attempt=found,
        log=tail,
        may_read=may_read,
        now=site.now(),
    )


@router.get("/flows/{flow}/log")
def log(request: Request, flow: str, step: str, attempt: str, task: str = "") -> Response:
    """The log of an attempt as plain text."""
    site = site_of(request)
    number, index = _whole(attempt), _whole(task) if task else NO_TASK
    text = None
    with site.archive.reading() as connection:
        info = flow_of(request, connection, flow)
        may_read = info is not None and may_read_logs(request, info.namespace)
        if info is not None and may_read and number is not None and index is not None:
            found = queries.attempt(connection, info.id, step, number, index)
            text = None if found is None else site.log(connection, found)
    if text is None:
        return PlainTextResponse("There is no log of that attempt.\n", 404)
    return PlainTextResponse(text.encode(errors="replace"))


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None
