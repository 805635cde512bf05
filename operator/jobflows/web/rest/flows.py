"""Flows, and what belongs to one: addressed by its id, or as at the command line by its name."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import Response

from jobflows import archive as queries
from jobflows.archive import (
    AttemptFilter,
    AttemptInfo,
    ChunkingInfo,
    FlowFilter,
    FlowInfo,
    RunInfo,
    StepInfo,
)
from jobflows.archive.models import NO_TASK
from jobflows.web.pages.flows import label_of
from jobflows.web.queries.one_step import one_step
from jobflows.web.rest.answering import (
    LARGEST,
    PROBLEMS,
    After,
    Cause,
    Limit,
    Namespace,
    One,
    Origin,
    Phase,
    Run,
    Since,
    Task,
    Until,
    answer,
    known,
    page_of,
)
from jobflows.web.rest.shapes import Log, Page
from jobflows.web.sight import hidden, may_read_logs, seen, sight_of
from jobflows.web.site import site_of

router = APIRouter(tags=["flows"], dependencies=[Depends(hidden)], responses=PROBLEMS)


@router.get("/flows", response_model=Page[FlowInfo])
def list_flows(
    request: Request,
    *,
    name: Annotated[str | None, Query(description="Part of the name.")] = None,
    family: Annotated[str | None, Query(description="What repeats: exactly that.")] = None,
    phase: Phase = None,
    origin: Origin = None,
    namespace: Namespace = None,
    user: Annotated[str | None, Query(description="Who created it: exactly that.")] = None,
    label: Annotated[str | None, Query(description="key=value, exactly that.")] = None,
    deleted: Annotated[bool | None, Query(description="Whether it is gone.")] = None,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Limit = 50,
) -> Response:
    """Flows, the newest first."""
    where = FlowFilter(
        origin=origin,
        namespace=namespace,
        family=family,
        name_contains=name,
        phase=phase,
        since=since,
        until=until,
        deleted=deleted,
        created_by=user,
        label=label_of(label),
    )
    with site_of(request).archive.reading() as connection:
        where = seen(where, sight_of(request, connection))
        found = queries.flows(connection, where, after=after, limit=limit)
    return answer(request, Page[FlowInfo], page_of(Page[FlowInfo], found))


@router.get("/flows/{flow}", response_model=FlowInfo)
def read_flow(request: Request, one: One) -> Response:
    """A flow by its id, or the newest of that name."""
    return answer(request, FlowInfo, one)


@router.get("/flows/{flow}/document", response_model=dict[str, Any])
def read_document(request: Request, one: One) -> Response:
    """The JobFlow as it was last seen: apiVersion, kind, metadata, spec."""
    with site_of(request).archive.reading() as connection:
        found = queries.document(connection, one.id)
    return answer(request, dict[str, Any], known(found, "such document"))


@router.get("/flows/{flow}/runs", response_model=list[RunInfo])
def list_runs(request: Request, one: One) -> Response:
    """The runs of a flow, the newest first: one, and one for each resume."""
    with site_of(request).archive.reading() as connection:
        found = queries.runs(connection, one.id)
    return answer(request, list[RunInfo], found)


@router.get("/flows/{flow}/steps", response_model=Page[StepInfo])
def list_steps(
    request: Request,
    one: One,
    *,
    run: Run = None,
    phase: Phase = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """The steps of a run, in the order of the flow."""
    with site_of(request).archive.reading() as connection:
        found = queries.step_page(
            connection, one.id, run=run, phase=phase, after=after, limit=limit
        )
    return answer(request, Page[StepInfo], page_of(Page[StepInfo], found))


@router.get("/flows/{flow}/steps/{step}", response_model=StepInfo)
def read_step(request: Request, one: One, step: str, *, run: Run = None) -> Response:
    """One step of a run."""
    with site_of(request).archive.reading() as connection:
        found = one_step(connection, one, step, run=run)
    return answer(request, StepInfo, known(found, f"step {step} of {one.name}"))


@router.get("/flows/{flow}/chunkings", response_model=list[ChunkingInfo])
def list_chunkings(request: Request, one: One, *, run: Run = None) -> Response:
    """How the map steps of a run were cut into tasks."""
    with site_of(request).archive.reading() as connection:
        found = queries.chunkings(connection, one.id, run=run)
    return answer(request, list[ChunkingInfo], found)


@router.get("/flows/{flow}/attempts", response_model=Page[AttemptInfo])
def list_attempts(
    request: Request,
    one: One,
    *,
    step: Annotated[str | None, Query(description="Exactly that.")] = None,
    task: Task = None,
    run: Annotated[int | None, Query(ge=1, le=LARGEST, description="By default all.")] = None,
    phase: Phase = None,
    cause: Cause = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """Attempts of a flow by step, number and task."""
    where = AttemptFilter(flow_id=one.id, step=step, task=task, run=run, phase=phase, cause=cause)
    with site_of(request).archive.reading() as connection:
        found = queries.attempts(connection, where, after=after, limit=limit)
    return answer(request, Page[AttemptInfo], page_of(Page[AttemptInfo], found))


@router.get("/flows/{flow}/log", response_model=Log)
def read_log(
    request: Request,
    one: One,
    *,
    step: Annotated[str, Query(description="Exactly that.")],
    attempt: Annotated[int, Query(ge=0, le=LARGEST, description="Its number.")],
    task: Annotated[int, Query(ge=-1, le=LARGEST, description="Index in an array.")] = NO_TASK,
) -> Response:
    """The end of the log of an attempt."""
    site = site_of(request)
    with site.archive.reading() as connection:
        tried = known(queries.attempt(connection, one.id, step, attempt, task), "such attempt")
        if not may_read_logs(request, one.namespace):
            raise HTTPException(403, f"you may not read logs of pods in {one.namespace}")
        tail = known(site.log(connection, tried), "log of that attempt")
    return answer(request, Log, Log(tail=tail))
