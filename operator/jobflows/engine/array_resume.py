"""What a resume makes of an array: which of its tasks are kept, and what becomes of its batches.

Tasks that succeeded are kept, unless the array is repeated as a whole; what the others had grown to
is kept in any case. A hot resume goes on with batches that still run. A cold one ends them: their
numbers are remembered as those of former attempts, so that they are stopped whenever they are seen,
and none of their tasks begins anew before nothing of the old attempt is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jobflows.engine.flow import CompiledFlow
from jobflows.engine.frontier import blocks_dependents, is_unmet
from jobflows.engine.indexes import EMPTY, IndexSet
from jobflows.engine.ledger import FRESH, Instant, StepPhase, StepRecord
from jobflows.engine.mapping import MapRecord
from jobflows.engine.observations import Attempt, AttemptState
from jobflows.engine.tasks import Tasks

_ADOPTABLE = (AttemptState.STARTING, AttemptState.RUNNING, AttemptState.SUCCEEDED)


def again(
    record: StepRecord,
    attempts: Sequence[Attempt],
    *,
    cold: bool,
    repeated: bool,
    may_fail: bool,
) -> StepRecord:
    """The record of an array that begins again, and has not begun yet.

    A failed task that the flow tolerates is kept in an array that was still running, because tasks
    that follow it may have been built on it.
    """
    made = [a for a in attempts if a.was_created]
    used = max([record.attempt, *(a.number for a in made)])
    tasks = record.tasks
    if tasks is None and not cold and all(a.state in _ADOPTABLE for a in made):
        used = record.attempt  # nobody knew of them; they are adopted when the array opens
    if tasks is not None:
        everything = IndexSet.span(0, tasks.total)
        runs = record.phase is StepPhase.RUNNING
        tasks = Tasks(
            total=tasks.total,
            succeeded=EMPTY if repeated else tasks.succeeded,
            failed=tasks.failed if runs and may_fail and not repeated else EMPTY,
            histories=tasks.ended(everything),
        )
    former = used if cold else record.former
    if not used:
        return replace(FRESH, tasks=tasks)
    live = not cold and any(a.is_live for a in attempts)
    return replace(
        FRESH,
        attempt=used,
        failures=record.failures,
        former=former,
        tasks=tasks,
        map=_cut(record.map, repeated=repeated, live=live),
    )


def _cut(decided: MapRecord | None, *, repeated: bool, live: bool) -> MapRecord | None:
    """The items of a map stay cut as they are, for the sake of tasks that are kept or still run."""
    if decided is None or not repeated:
        return decided
    return replace(decided, measured=None) if live else None


def go_on(
    flow: CompiledFlow,
    i: int,
    records: Sequence[StepRecord],
    attempts: Sequence[Attempt],
    now: Instant,
) -> StepRecord:
    """The same record, or with the batches that still run, if nothing it depends on runs again."""
    record = records[i]
    tasks = record.tasks
    if tasks is None or not _is_ready(flow, i, records):
        return record
    batches = {
        a.number: left
        for a in attempts
        if a.state is AttemptState.RUNNING and a.number > record.former
        if (left := a.unfinished - tasks.final)
    }
    if not batches:
        return record
    newest = max((a for a in attempts if a.number in batches), key=lambda a: a.number)
    return replace(
        record,
        phase=StepPhase.RUNNING,
        started=now,
        attempt_started=now,
        job=newest.ref,
        tasks=replace(tasks, batches=batches),
    )


def kept_tasks(kept: Tasks | None, total: int) -> Tasks:
    """The tasks of an array that opens with `total` of them; `kept` are those of the run before."""
    if kept is None:
        return Tasks(total=total)
    span = IndexSet.span(0, total)
    return Tasks(
        total=total,
        succeeded=kept.succeeded & span,
        failed=kept.failed & span,
        histories={h: left for h, members in kept.histories.items() if (left := members & span)},
    )


def _is_ready(flow: CompiledFlow, i: int, records: Sequence[StepRecord]) -> bool:
    parents = [(p, records[p]) for p in flow.graph.parents[i]]
    return not any(is_unmet(flow, i, p, r) or blocks_dependents(flow, p, r) for p, r in parents)
