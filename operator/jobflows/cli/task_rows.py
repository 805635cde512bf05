"""The tasks of a flow as rows: one for each step, task of an array, or attempt.

What a ledger has is the same on a cluster and here. Of an array of 100,000 only the rows that are
asked for are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobflows.engine import CompiledFlow, Instant, Ledger, StepPhase, StepRecord
from jobflows.engine.ledger import FRESH

if TYPE_CHECKING:
    from jobflows.local import AttemptInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A task, or one attempt of it; `task` is an index in an array, times are UNIX seconds."""

    step: str
    task: int | None = None
    attempt: int | None = None
    phase: str
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started: Instant | None = None
    finished: Instant | None = None
    peak_memory: int | None = None
    cpu_seconds: float | None = None


def of_ledger(
    flow: CompiledFlow, ledger: Ledger, *, steps: Sequence[str] = (), attempts: bool = False
) -> Iterator[Row]:
    """Rows in the order of the flow; with `attempts` also those that failed before."""
    records = ledger.steps or [FRESH] * len(flow.steps)
    for name, record in zip(flow.graph.names, records, strict=True):
        if steps and name not in steps:
            continue
        if record.tasks is not None:
            yield from _tasks(name, record)
        else:
            if attempts:
                yield from _failed(name, record)
            yield _row(name, record)


def _row(name: str, record: StepRecord) -> Row:
    last = next((f for f in record.failures if f.number == record.attempt), None)
    return Row(
        step=name,
        attempt=record.attempt or None,
        phase=str(record.phase),
        reason=str(record.reason),
        message=record.message,
        exit_code=last.exit_code if last is not None else None,
        started=record.started,
        finished=record.finished,
    )


def _failed(name: str, record: StepRecord) -> Iterator[Row]:
    """Attempts before the newest, as far as the ledger remembers them."""
    for each in record.failures:
        if each.number < record.attempt:
            yield Row(
                step=name,
                attempt=each.number,
                phase=str(StepPhase.FAILED),
                reason=each.reason or str(each.cause),
                exit_code=each.exit_code,
            )


def _tasks(name: str, record: StepRecord) -> Iterator[Row]:
    assert record.tasks is not None
    tasks = record.tasks
    phases = [str(StepPhase.PENDING)] * tasks.total
    batch: dict[int, int] = {}
    for number, members in tasks.batches.items():
        batch |= dict.fromkeys(members, number)
    for members, phase in (
        (tasks.running, StepPhase.RUNNING),
        (tasks.succeeded, StepPhase.SUCCEEDED),
        (tasks.failed, StepPhase.FAILED),
        (tasks.skipped, StepPhase.SKIPPED),
    ):
        for i in members:
            phases[i] = str(phase)
    for i, phase_of_task in enumerate(phases):
        yield Row(step=name, task=i, attempt=batch.get(i), phase=phase_of_task)


def of_attempts(rows: Iterable[Row], attempts: Iterable[AttemptInfo], *, every: bool) -> list[Row]:
    """The same with what is on record of each attempt: the newest of each task, or `every` one."""
    tried: dict[tuple[str, int | None], list[AttemptInfo]] = {}
    for each in attempts:
        tried.setdefault((each.step, each.task), []).append(each)
    made: list[Row] = []
    for row in rows:
        own = tried.get((row.step, row.task))
        if own is None:
            made.append(row)
        elif every:
            made += map(_attempted, own)
        else:  # a step that waits to be tried again is Pending, however its last attempt ended
            newest = _attempted(own[-1])
            made.append(newest if row.phase == newest.phase else _standing(row, newest))
    return made


def _standing(row: Row, newest: Row) -> Row:
    """How a task stands, with what its newest attempt used."""
    return Row(
        step=row.step,
        task=row.task,
        attempt=newest.attempt,
        phase=row.phase,
        reason=row.reason or newest.reason,
        message=row.message or newest.message,
        exit_code=newest.exit_code,
        started=newest.started,
        finished=newest.finished,
        peak_memory=newest.peak_memory,
        cpu_seconds=newest.cpu_seconds,
    )


def _attempted(attempt: AttemptInfo) -> Row:
    return Row(
        step=attempt.step,
        task=attempt.task,
        attempt=attempt.attempt,
        phase=attempt.phase,
        reason=attempt.cause or attempt.reason,
        message=attempt.message,
        exit_code=attempt.exit_code,
        started=attempt.started,
        finished=attempt.finished,
        peak_memory=attempt.peak_memory,
        cpu_seconds=attempt.cpu_seconds,
    )
