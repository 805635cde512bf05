"""Which tasks of an array go out next, and in how many attempts.

A batch is an Indexed Job that runs all of its tasks at once, so it takes as many slots as it has
tasks, and what is free is never exceeded. Tasks that failed before go first, then the others in
order. Few large batches are cheaper than many small ones: while something of the array runs, a
small batch waits for a moment, so that what becomes free next can go with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobflows.api.array import TaskValues
from jobflows.engine.arrays import next_number, occupied
from jobflows.engine.draft import Draft
from jobflows.engine.flow import CompiledStep
from jobflows.engine.frontier import is_failure
from jobflows.engine.indexes import IndexSet
from jobflows.engine.observations import Observations
from jobflows.engine.opening import task_values
from jobflows.engine.plan import StartAttempt
from jobflows.engine.tasks import NEW, History, Tasks
from jobflows.engine.values import resolve_inputs

PATIENCE = 1.0
"""Seconds that a small batch waits, from the start of the one before."""

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
        for i in sorted(draft.frontier.open):
            _start(draft, draft.flow.steps[i])


def _start(draft: Draft, step: CompiledStep) -> None:
    i = step.index
    tasks = draft.records[i].tasks
    assert tasks is not None
    supply = _supply(draft, step, tasks)
    free = _free(draft, step, tasks)
    if not len(supply) or not free or _waits_for_more(draft, i, min(len(supply), free), tasks):
        return
    parameters = resolve_inputs(draft.flow, step, draft.records)
    values = task_values(draft.flow, step, draft.records)
    number = next_number(draft, i)
    for history, ready in supply.groups:
        left = ready
        while left and free and _window(draft):
            batch = _cut(left, min(free, draft.seen.largest_batch), values)
            start = StartAttempt(i, number, parameters, batch, values, history.resources)
            draft.actions.append(start)
            number += 1
            free -= len(batch)
            left = left - batch


def _supply(draft: Draft, step: CompiledStep, tasks: Tasks) -> _Supply:
    waiting = tasks.waiting - occupied(draft, step.index)
    allowed = waiting & _followers(draft, step, tasks.total)
    groups = tasks.history_of(allowed)
    due = [g for g in groups if g[0].retry_at is None or g[0].retry_at <= draft.now]
    due.sort(key=lambda group: (group[0] == NEW, group[0].retry_at or 0.0))
    return _Supply(due)


def _followers(draft: Draft, step: CompiledStep, total: int) -> IndexSet:
    """Tasks whose own dependencies are done."""
    allowed = IndexSet.span(0, total)
    for parent in step.index_parents:
        record = draft.records[parent]
        done = record.tasks
        if done is None or (record.phase.terminal and not is_failure(draft.flow, parent, record)):
            continue
        may_fail = draft.flow.steps[parent].spec.continue_on_failure
        allowed = allowed & (done.final if may_fail else done.succeeded)
    return allowed


def _free(draft: Draft, step: CompiledStep, tasks: Tasks) -> int:
    array = step.spec.array
    assert array is not None
    if array.parallelism is None:
        return tasks.total
    return max(0, array.parallelism - len(occupied(draft, step.index)))


def _waits_for_more(draft: Draft, i: int, size: int, tasks: Tasks) -> bool:
    """Whether a batch of this size is too small to go now; sets the timer for when it may."""
    if not occupied(draft, i):
        return False
    begun = draft.records[i].attempt_started
    if begun is None:
        return True  # the first batch is on its way
    array = draft.flow.steps[i].spec.array
    limit = array.parallelism if array is not None else None
    left = tasks.total - len(tasks.final)
    wanted = min(left, limit or left, FAIR_SHARE * draft.seen.largest_batch)
    if size * FAIR_SHARE >= wanted:
        return False
    until = begun + PATIENCE
    if draft.now >= until:
        return False
    draft.frontier.set_timer(until, i)
    return True


def _window(draft: Draft) -> bool:
    """Whether this plan may start one more attempt."""
    if draft.seen.window is None:
        return True
    starts = sum(isinstance(action, StartAttempt) for action in draft.actions)
    return starts < draft.seen.window


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
