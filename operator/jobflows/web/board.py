"""A flow of the archive, put together again: its graph, where each step stands, what waits.

The archive has a flow's document and a row a step; the engine's own functions make the same picture
of them as `jobflow graph`, with what has not started yet. For ten thousand steps that takes long,
so boards are kept while nothing of them changes.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from jobflows.archive import FlowInfo, StepInfo
from jobflows.drawing.picture import Node, critical_path, draw
from jobflows.engine import CompiledFlow, FlowPhase, Ledger, StepPhase, StepRecord, explain, rebase
from jobflows.engine.task_status import read_tasks
from jobflows.web.figures.gantt import Gantt, Span, gantt
from jobflows.web.figures.graph import Graph, graph
from jobflows.web.sheet import Sheet

MOST_NODES = 120
KEPT = 16
STEPS_A_SECOND = 500
"""The board of a larger flow is drawn anew less often."""
MOST_WAITS = 12

_STEP_PHASES = {str(phase): phase for phase in StepPhase}
_FLOW_PHASES = {str(phase): phase for phase in FlowPhase}


@dataclass(frozen=True, slots=True)
class Wait:
    """Why steps that are not done do not run: a reason, words of one of them, how many."""

    reason: str
    message: str
    steps: int
    example: str


@dataclass(frozen=True, slots=True)
class Board:
    """What pages show of one run. `problem` says why there is no graph."""

    graph: Graph | None
    gantt: Gantt | None
    waits: tuple[Wait, ...]
    waited: Mapping[str, float]
    """By step, seconds from when nothing was in its way to its start."""
    problem: str = ""


Href = Callable[[Node], str]


class Boards:
    """The boards that were asked for last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Hashable, ...], Board] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self,
        info: FlowInfo,
        run: int,
        steps: Sequence[StepInfo],
        sheet: Sheet,
        *,
        links: tuple[Href, Callable[[str], str]],
        now: float,
    ) -> Board:
        """The board of one run of a flow; `links` are the addresses of nodes and of steps."""
        # What runs has lengths that grow: drawn anew every now and then, but not what has ended.
        every = max(1, len(steps) // STEPS_A_SECOND)
        moment = 0 if info.finished is not None else int(now) // every
        stands = hash(
            tuple((step.phase, step.started, step.finished, step.tasks) for step in steps)
        )
        key = (info.id, run, info.phase, info.message, stands, id(sheet), moment)
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            found = _board(info, sheet, steps, links, now)
            with self._lock:
                self._kept[key] = found
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return found


def _board(
    info: FlowInfo,
    sheet: Sheet,
    steps: Sequence[StepInfo],
    links: tuple[Href, Callable[[str], str]],
    now: float,
) -> Board:
    of_node, of_step = links
    flow = sheet.flow
    if flow is None:
        spans = [_span(step, None, of_step, critical=False) for step in steps if step.started]
        return Board(None, gantt(spans, info.finished or now), (), {}, sheet.problem)
    ledger = _ledger(flow, info, steps)
    picture = draw(flow, ledger, now, MOST_NODES)
    ready = _ready(flow, ledger)
    critical = {flow.graph.names[i] for i in critical_path(flow, ledger.steps, now)}
    drawn = [
        _span(step, ready.get(step.step), of_step, critical=step.step in critical)
        for step in steps
        if step.started is not None and step.phase != StepPhase.SKIPPED
    ]
    waited = {
        span.name: max(0.0, span.started - span.ready) for span in drawn if span.ready is not None
    }
    return Board(
        graph=graph(picture, of_node),
        gantt=gantt(drawn, info.finished or now),
        waits=() if ledger.phase.terminal else _waits(flow, ledger, now),
        waited=waited,
    )


def _ledger(flow: CompiledFlow, info: FlowInfo, steps: Sequence[StepInfo]) -> Ledger:
    ledger = Ledger(
        phase=_FLOW_PHASES.get(info.phase, FlowPhase.PENDING),
        reason=info.reason,
        message=info.message,
        started=info.started,
        finished=info.finished,
    )
    return rebase(flow, ledger, {step.step: _record(step) for step in steps})


def _record(step: StepInfo) -> StepRecord:
    return StepRecord(
        phase=_STEP_PHASES.get(step.phase, StepPhase.PENDING),
        reason=step.reason,
        message=step.message,
        attempt=step.attempts,
        started=step.started,
        finished=step.finished,
        tasks=read_tasks(json.loads(step.tasks)) if step.tasks else None,
    )


def _ready(flow: CompiledFlow, ledger: Ledger) -> dict[str, float | None]:
    """When the last thing that each step depends on had ended."""
    found: dict[str, float | None] = {}
    for i, name in enumerate(flow.graph.names):
        ends = [ledger.steps[parent].finished for parent in flow.graph.parents[i]]
        known = [end for end in ends if end is not None]
        found[name] = max(known) if known else ledger.started
    return found


def _span(
    step: StepInfo, ready: float | None, href: Callable[[str], str], *, critical: bool
) -> Span:
    return Span(
        name=step.step,
        phase=step.phase,
        ready=ready,
        started=step.started or 0.0,
        finished=step.finished,
        href=href(step.step),
        critical=critical,
    )


def _waits(flow: CompiledFlow, ledger: Ledger, now: float) -> tuple[Wait, ...]:
    """Of steps that have not begun, the reasons, the most frequent first."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for said in explain(flow, ledger, now):
        if said.phase in (StepPhase.PENDING, StepPhase.PENDING_APPROVAL):
            groups.setdefault(said.reason, []).append((said.step, said.message))
    ranked = sorted(groups.items(), key=lambda pair: -len(pair[1]))[:MOST_WAITS]
    return tuple(
        Wait(reason, members[0][1], len(members), members[0][0]) for reason, members in ranked
    )
