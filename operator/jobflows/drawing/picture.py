"""What a graph shows: a node for each step or group of alike steps, and the edges between them.

An array is one node with the counts of its tasks. The critical path is the chain of steps that
takes longest: by the time that steps took, with the mean for those that have not run; by the number
of steps before any has.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobflows.drawing.fold import Group, fold
from jobflows.drawing.words import tasks_words
from jobflows.engine import CompiledFlow, Instant, Ledger, StepPhase, StepRecord
from jobflows.engine.ledger import FRESH
from jobflows.measures import duration

MOST_NODES = 200

IN_A_BAR = (
    StepPhase.SUCCEEDED,
    StepPhase.FAILED,
    StepPhase.SKIPPED,
    StepPhase.RUNNING,
    StepPhase.PENDING_APPROVAL,
    StepPhase.PENDING,
)
"""What has ended comes first."""

LOUDEST = (
    StepPhase.FAILED,
    StepPhase.RUNNING,
    StepPhase.PENDING_APPROVAL,
    StepPhase.PENDING,
    StepPhase.SKIPPED,
    StepPhase.SUCCEEDED,
)
"""Of the phases in a group, which one gives it its colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step, or a group of `steps` steps. `phase` is None before anything has run."""

    name: str
    details: tuple[str, ...]
    layer: int
    phase: StepPhase | None
    steps: int = 1
    critical: bool = False
    on_exit: bool = False
    message: str = ""
    parts: tuple[tuple[StepPhase, int], ...] = ()
    """How many of its steps, or of the tasks of an array, are where; empty for one thing alone."""

    @property
    def words(self) -> str:
        """Its details in a line."""
        return ", ".join(self.details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A flow to be drawn. Edges are pairs of positions in `nodes`; `critical` are some of them."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    critical: frozenset[tuple[int, int]]
    critical_names: tuple[str, ...]
    critical_seconds: float | None
    hidden: int = 0
    """Steps that share a node with others."""

    layers: tuple[tuple[int, ...], ...] = field(default=())
    """Positions of the nodes by layer."""


def draw(flow: CompiledFlow, ledger: Ledger | None, now: Instant, most: int) -> Picture:
    """The picture of a flow with at most `most` nodes; without a ledger, of one that never ran."""
    records = (ledger.steps if ledger is not None else ()) or [FRESH] * len(flow.steps)
    ran = ledger is not None and ledger.started is not None
    depth = depths(flow)
    groups = fold(flow, depth, most)
    path = critical_path(flow, records, now) if len(groups) else ()
    on_path = set(path)
    place = {i: at for at, group in enumerate(groups) for i in group.members}
    edges = {
        (place[parent], place[i]): None
        for i, above in enumerate(flow.graph.parents)
        for parent in above
        if place[parent] != place[i]
    }
    layers: dict[int, list[int]] = {}
    for at, group in enumerate(groups):
        layers.setdefault(group.layer, []).append(at)
    numbers = {layer: number for number, layer in enumerate(sorted(layers))}
    took = [_took(records[i], now) for i in path]
    return Picture(
        title=_title(flow, ledger),
        nodes=tuple(
            _node(flow, records, group, numbers[group.layer], on_path=on_path, now=now, ran=ran)
            for group in groups
        ),
        edges=tuple(edges),
        critical=frozenset(
            (place[a], place[b]) for a, b in itertools.pairwise(path) if place[a] != place[b]
        ),
        critical_names=tuple(flow.graph.names[i] for i in path),
        critical_seconds=sum(t for t in took if t) if any(took) else None,
        hidden=len(flow.steps) - sum(len(group.members) == 1 for group in groups),
        layers=tuple(tuple(layers[layer]) for layer in sorted(layers)),
    )


def depths(flow: CompiledFlow) -> list[int]:
    """By step, the longest way to it from a step that waits for none; exit handlers come last."""
    depth = [0] * len(flow.steps)
    for i in flow.graph.order:
        depth[i] = max((depth[parent] + 1 for parent in flow.graph.parents[i]), default=0)
    last = max((depth[i] for i in range(flow.handlers.start)), default=0)
    for i in flow.handlers:
        depth[i] += last + 1
    return depth


def critical_path(
    flow: CompiledFlow, records: Sequence[StepRecord], now: Instant
) -> tuple[int, ...]:
    """Indices of the steps that the flow cannot end before, first to last."""
    took = [_took(record, now) for record in records]
    known = [t for t in took if t is not None]
    mean = sum(known) / len(known) if known else 1.0
    weights = [
        0.0 if record.phase is StepPhase.SKIPPED else (mean if seconds is None else seconds)
        for record, seconds in zip(records, took, strict=True)
    ]
    for i in flow.handlers:
        weights[i] = 0.0
    return flow.graph.critical_path(weights)


def task_words(flow: CompiledFlow, i: int, record: StepRecord) -> str:
    """How the tasks of an array stand, or how many there will be; empty for other steps."""
    step = flow.steps[i]
    if record.tasks is not None:
        return tasks_words(record.tasks)
    if step.values is not None:
        return f"{step.values.count} tasks"
    return "tasks" if step.is_array else ""


def _took(record: StepRecord, now: Instant) -> float | None:
    if record.started is None:
        return None
    return max(0.0, (record.finished or now) - record.started)


def _title(flow: CompiledFlow, ledger: Ledger | None) -> str:
    return flow.name if ledger is None else f"{flow.name} {ledger.phase}"


def _node(
    flow: CompiledFlow,
    records: Sequence[StepRecord],
    group: Group,
    layer: int,
    *,
    on_path: set[int],
    now: Instant,
    ran: bool,
) -> Node:
    members = group.members
    i = members[0]
    if len(members) > 1:
        counts = Counter(records[member].phase for member in members)
        phase = next(p for p in LOUDEST if counts[p])
        details = [f"{len(members)} steps", *(_counted(counts) if ran else ())]
    else:
        phase = records[i].phase
        details = _details(flow, i, records[i], now, ran=ran)
    return Node(
        name=group.name,
        details=tuple(details),
        layer=layer,
        phase=phase if ran else None,
        steps=len(members),
        critical=not on_path.isdisjoint(members),
        on_exit=i in flow.handlers,
        message=records[i].message if len(members) == 1 else "",
        parts=_parts(records, members) if ran else (),
    )


def _parts(
    records: Sequence[StepRecord], members: Sequence[int]
) -> tuple[tuple[StepPhase, int], ...]:
    tasks = records[members[0]].tasks
    if len(members) > 1:
        counts = Counter(records[member].phase for member in members)
    elif tasks is not None:
        ended = {
            StepPhase.SUCCEEDED: len(tasks.succeeded),
            StepPhase.FAILED: len(tasks.failed),
            StepPhase.SKIPPED: len(tasks.skipped),
            StepPhase.RUNNING: len(tasks.running),
        }
        counts = Counter(ended | {StepPhase.PENDING: tasks.total - sum(ended.values())})
    else:
        return ()
    return tuple((phase, counts[phase]) for phase in IN_A_BAR if counts[phase] > 0)


def _counted(counts: Mapping[StepPhase, int]) -> list[str]:
    return [f"{counts[phase]} {phase}" for phase in LOUDEST if counts[phase]]


def _details(
    flow: CompiledFlow, i: int, record: StepRecord, now: Instant, *, ran: bool
) -> list[str]:
    step = flow.steps[i]
    parts = []
    if ran:
        seconds = _took(record, now)
        parts.append(f"{record.phase}" + (f" {duration(seconds)}" if seconds is not None else ""))
    if step.is_manual:
        parts.append("Manual")
    if step.on_exit:
        parts.append("on exit")
    if tasks := task_words(flow, i, record):
        parts.append(tasks)
    if record.spent.counted or record.losses:
        parts.append(f"attempt {record.attempt}")
    return parts
