"""Which tasks of an array go out next, and in how many attempts.

A batch is an Indexed Job that runs all of its tasks at once, so it takes as many slots as it has
tasks, and what is free is never exceeded. Tasks that failed before go first, then the others in
order. Few large batches are cheaper than many small ones: while something of the array runs, a
small batch waits for a moment, so that what becomes free next can go with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobflows.api.array import TaskValues
from jobflows.engine.arrays import next_number, occupied
from jobflows.engine.draft import Draft
from jobflows.engine.flow import CompiledFlow, CompiledStep
from jobflows.engine.frontier import is_failure
from jobflows.engine.indexes import IndexSet
from jobflows.engine.ledger import Reason, StepRecord
from jobflows.engine.limits import Room
from jobflows.engine.observations import AttemptState, Observations
from jobflows.engine.opening import task_values
from jobflows.engine.plan import StartAttempt
from jobflows.engine.tasks import NEW, History, Tasks
from jobflows.engine.values import resolve_inputs

PATIENCE = 1.0
"""Seconds that a small batch waits for each batch that lives, from the start of the newest one.

Where tasks are long, or the cluster is slow, little becomes free in a second: with a fixed time the
Jobs would get ever more and ever smaller. Like this there are about as many as the square root of
the seconds that a task takes, and what waits is still less than its eighth.
"""

LONGEST_PATIENCE = 30.0
"""Seconds that a small batch waits at most."""

FAIR_SHARE = 8
"""A batch is small when it fills less than one part in so many of what the array may use."""

LONGEST_TEXT = 2000
"""Characters that the ranges and values of a batch may take: each of its pods carries them."""


@dataclass(frozen=True, slots=True)
class _Supply:
    """Tasks that may start now, by what they have behind them, in the order of their turn."""

    groups: list[tuple[History, IndexSet]]

    def __len__(self) -> int:
        return sum(len(tasks) for _, tasks in self.groups)


def start_batches(draft: Draft) -> None:
    """Start what may start of each open array."""
    if draft.closing or not draft.flow.suspend:
        room = draft.room or Room(draft)
        for i in sorted(draft.frontier.open):
            _start(draft, draft.flow.steps[i], room)


def _start(draft: Draft, step: CompiledStep, room: Room) -> None:
    i = step.index
    tasks = draft.records[i].tasks
    assert tasks is not None
    _ask_again(draft, step, tasks, room)
    supply = _supply(draft, step, tasks)
    wanted = min(len(supply), _free(draft, step, tasks))
    free = room.cut(step, wanted)
    if not wanted or (
        free and _waits_for_more(draft, i, free, room.ceiling(step, tasks.total), tasks)
    ):
        return
    parameters = resolve_inputs(draft.flow, step, draft.records)
    values = task_values(draft.flow, step, draft.records)
    number = next_number(draft, i)
    missing = wanted - free
    for history, ready in supply.groups:
        left = ready
        while left and free and not room.is_over:
            batch = _cut(left, min(free, draft.seen.largest_batch), values)
            start = StartAttempt(
                i, number, parameters, batch, values, history.resources, _per_task(draft, i)
            )
            draft.actions.append(start)
            room.take(step, len(batch))
            number += 1
            free -= len(batch)
            left = left - batch
    if missing and not room.is_over:
        _wait(draft, step, room, missing)


def _supply(draft: Draft, step: CompiledStep, tasks: Tasks) -> _Supply:
    waiting = tasks.waiting - occupied(draft, step.index)
    for parent in step.index_parents:
        waiting = waiting & may_follow(draft.flow, draft.records, parent, tasks.total)
    groups = tasks.history_of(waiting)
    due = [g for g in groups if g[0].retry_at is None or g[0].retry_at <= draft.now]
    for history, _ in groups:
        if history.retry_at is not None and history.retry_at > draft.now:
            draft.frontier.set_timer(history.retry_at, step.index)  # as in starts.py
    due.sort(key=lambda group: (group[0] == NEW, group[0].retry_at or 0.0))
    return _Supply(due)


def may_follow(
    flow: CompiledFlow, records: Sequence[StepRecord], parent: int, total: int
) -> IndexSet:
    """The tasks of an array of `total` that the tasks of `parent`, an array before it, let go."""
    record = records[parent]
    done = record.tasks
    if done is None or (record.phase.terminal and not is_failure(flow, parent, record)):
        return IndexSet.span(0, total)
    return done.final if flow.steps[parent].spec.continue_on_failure else done.succeeded


def _free(draft: Draft, step: CompiledStep, tasks: Tasks) -> int:
    if step.task_limit is None:
        return tasks.total
    return max(0, step.task_limit - len(occupied(draft, step.index)))


def _ask_again(draft: Draft, step: CompiledStep, tasks: Tasks, room: Room) -> None:
    """Ask once more, with the same tasks, for batches that were never answered."""
    for attempt in draft.attempts(step.index):
        lost = attempt.state is AttemptState.UNANSWERED and not room.is_over
        lost = lost and attempt.number > draft.records[step.index].former
        if lost and room.refuses(step, again=True) is None:
            values = task_values(draft.flow, step, draft.records)
            parameters = resolve_inputs(draft.flow, step, draft.records)
            grown = tasks.history_of(attempt.tasks)[0][0].resources
            draft.actions.append(
                StartAttempt(
                    step.index,
                    attempt.number,
                    parameters,
                    attempt.tasks,
                    values,
                    grown,
                    _per_task(draft, step.index),
                )
            )
            room.take(step, again=True)


def _per_task(draft: Draft, i: int) -> int:
    """How many items each task has, of a map."""
    decided = draft.records[i].map
    return decided.per_task if decided is not None else 0


def _wait(draft: Draft, step: CompiledStep, room: Room, tasks: int) -> None:
    """Say what tasks of an array wait for."""
    waits, waiting = draft.waits, room.refuses(step, again=False)
    if waiting is not None and waiting.reason is Reason.QUOTA:
        draft.waits = replace(waits, rest=waiting, others=waits.others + tasks)
    elif waiting is not None:
        draft.waits = replace(waits, steps={**waits.steps, step.index: waiting})


def _waits_for_more(draft: Draft, i: int, size: int, ceiling: int, tasks: Tasks) -> bool:
    """Whether a batch of this size is too small to go now; sets the timer for when it may."""
    if not occupied(draft, i):
        return False
    begun = draft.records[i].attempt_started
    if begun is None:
        return True  # the first batch is on its way
    limit = draft.flow.steps[i].task_limit
    left = tasks.total - len(tasks.final)
    wanted = min(left, limit or left, ceiling, FAIR_SHARE * draft.seen.largest_batch)
    if size * FAIR_SHARE >= wanted:
        return False
    until = begun + min(LONGEST_PATIENCE, PATIENCE * max(1, len(tasks.batches)))
    if draft.now >= until:
        return False
    draft.frontier.set_timer(until, i)
    return True


def first_batch(values: TaskValues) -> IndexSet:
    """The tasks of the first batch, when nothing limits it."""
    return _cut(IndexSet.span(0, values.count), Observations().largest_batch, values)


def _cut(ready: IndexSet, most: int, values: TaskValues) -> IndexSet:
    """The first tasks of `ready`, as many as one Job may have and its text may name."""
    batch = ready.first(most)
    if not values.is_compact:
        batch = batch.first(_fitting(batch, values))
    while len(batch) > 1 and len(str(batch)) > LONGEST_TEXT:
        batch = batch.first(len(batch) * 2 // 3)
    return batch


def _fitting(batch: IndexSet, values: TaskValues) -> int:
    """How many tasks of `batch` have values that fit beside each other; at least one."""
    length = 0
    for count, index in enumerate(batch):
        length += sum(len(key) + len(value) for key, value in values[index].items())
        if count and length > LONGEST_TEXT:
            return count
    return len(batch)
