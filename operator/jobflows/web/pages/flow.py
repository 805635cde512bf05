"""The page of a flow: its graph, what waits, when what ran, its steps, its failures, its YAML."""

from __future__ import annotations

from heapq import nlargest
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response

from jobflows import archive as queries
from jobflows.api.status import FlowPhase
from jobflows.archive import ErrorFilter, StepInfo
from jobflows.drawing.picture import Node
from jobflows.web.board import Boards
from jobflows.web.figures.timeline import timeline
from jobflows.web.history import history
from jobflows.web.places import Places
from jobflows.web.queries import costs, running
from jobflows.web.sheet import document_yaml
from jobflows.web.sight import flow_of, hidden, sight_of, unsampled
from jobflows.web.site import site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(hidden)])

STEPS = 100
"""Rows of the table of steps."""

ERRORS = 5
SLOWEST = 10

_SHOWN_FIRST = {"Failed": 0, "PendingApproval": 1, "Running": 2}


@router.get("/flows/{flow}")
def flow(request: Request, flow: str) -> Response:
    """The page of a flow."""
    site, places = site_of(request), Places(request)
    now = site.now()
    with site.archive.reading() as connection:
        info = flow_of(request, connection, flow)
        if info is None:
            return site.missing(request, f"There is no flow {flow} in the archive.")
        runs = queries.runs(connection, info.id)
        run = _number(places.value("run"), info.run)
        steps = site.memory.of(
            ("steps", info, run), lambda: queries.steps(connection, info.id, run=run)
        )
        sheet = request.app.state.sheets.of(connection, info)
        board = request_boards(request).of(
            info,
            run,
            steps,
            sheet,
            links=(
                lambda node: _href(places, info.id, node),
                lambda name: places.step(info.id, name),
            ),
            now=now,
        )
        end = info.finished or now
        buckets = site.memory.of(
            ("over time", info.id), lambda: running.over_time(connection, info.id, end)
        )
        spent = site.memory.of(("costs", info.id), lambda: costs.of_flow(connection, info.id, end))
        wanted_errors = ErrorFilter(flow_id=info.id)
        errors = unsampled(
            queries.errors(connection, wanted_errors, limit=ERRORS), sight_of(request, connection)
        )
        chunkings = queries.chunkings(connection, info.id, run=run)
    wanted = places.value("find").lower()
    found = [step for step in steps if wanted in step.step.lower()] if wanted else steps
    chosen = sorted(found, key=lambda step: _SHOWN_FIRST.get(step.phase, 3))
    first = min(_number(places.value("from"), 0), max(0, len(chosen) - 1))
    this = next((each for each in runs if each.run == run), None)
    orders = site.orders_for(request, info)
    return site.page(
        request,
        "flow.html",
        info=info,
        runs=runs,
        run=run,
        this=this,
        steps=chosen[first : first + STEPS],
        first=first,
        count=len(chosen),
        rows=STEPS,
        all_steps=len(steps),
        board=board,
        gantt=board.gantt,
        timeline=timeline(buckets) if buckets else None,
        bottlenecks=site.memory.of(
            ("bottlenecks", info, run), lambda: _bottlenecks(steps, spent, board.waited)
        ),
        history=site.memory.of(("history", info, run), lambda: history(info, runs, steps)),
        errors=errors,
        chunkings={each.step: each for each in chunkings},
        spent=spent,
        sheet=sheet,
        now=now,
        orders=orders,
        manual=[step.step for step in steps if step.phase == "PendingApproval"],
        is_over=info.phase in (FlowPhase.SUCCEEDED, FlowPhase.FAILED),
    )


@router.get("/flows/{flow}/yaml")
def as_yaml(request: Request, flow: str) -> Response:
    """The flow as people write it."""
    with site_of(request).archive.reading() as connection:
        info = flow_of(request, connection, flow)
        document = None if info is None else queries.document(connection, info.id)
    if document is None:
        return PlainTextResponse("There is no such flow in the archive.\n", 404)
    return PlainTextResponse(document_yaml(document).encode(errors="replace"))


def request_boards(request: Request) -> Boards:
    """The boards of this application."""
    boards: Boards = request.app.state.boards
    return boards


def _href(places: Places, flow: str, node: Node) -> str:
    if node.steps == 1:
        return places.step(flow, node.name)
    return places.flow(flow, find=node.name.rstrip("*… ")) + "#steps"


def _bottlenecks(
    steps: list[StepInfo], spent: dict[str, costs.Spent], waited: Any
) -> list[tuple[StepInfo, float, costs.Spent]]:
    """Steps by how long they waited, ran and lost, the slowest first."""
    ranked = nlargest(
        SLOWEST,
        ((step, waited.get(step.step, 0.0), spent.get(step.step)) for step in steps),
        key=lambda row: row[1] + (row[2].seconds if row[2] else 0.0),
    )
    return [
        (step, wait, cost or costs.Spent(step.step))
        for step, wait, cost in ranked
        if wait >= 0.005 or (cost and cost.seconds > 0)
    ]


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise
