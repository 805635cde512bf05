"""A flow goes on whose attempts died with the program that ran it.

On a cluster Jobs outlive the operator. On one machine processes do not outlive their runner, and a
person who starts the flow again has seen that: nothing of it is a disruption that a budget pays
for. So what ran is as if it had not been started, but for its number, and the flow's deadline
begins anew, as with every resume.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from jobflows.engine.ledger import Instant, Ledger, StepPhase, StepRecord
from jobflows.engine.observations import Attempt


def revive(ledger: Ledger, ended: Mapping[int, Collection[Attempt]], now: Instant) -> Ledger:
    """The ledger for a new runner.

    `ended` are attempts, by step, whose ends are known: the next plan takes them in.
    """
    if ledger.phase.terminal:
        return ledger
    numbers = {i: {attempt.number for attempt in attempts} for i, attempts in ended.items()}
    steps = tuple(_revived(r, numbers.get(i, ())) for i, r in enumerate(ledger.steps))
    started = now if ledger.started is not None else None
    return replace(ledger, steps=steps, started=started, frontier=None)


def _revived(record: StepRecord, ended: Collection[int]) -> StepRecord:
    if record.phase is not StepPhase.RUNNING:
        return record
    if record.tasks is not None:
        batches = {n: tasks for n, tasks in record.tasks.batches.items() if n in ended}
        return replace(record, attempt_started=None, tasks=replace(record.tasks, batches=batches))
    if record.attempt in ended:
        return record
    return replace(
        record, phase=StepPhase.PENDING, reason="", message="", job=None, attempt_started=None
    )
