"""An array begins: how many tasks it has, and whether they fit to what they follow.

It is open from the moment its dependencies are done, and runs whether or not one of its tasks does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from jobflows.api import jsonpath
from jobflows.api.array import ItemsError, ItemsFrom, TaskValues, read_items
from jobflows.api.map import Blocks, Map
from jobflows.engine.array_resume import kept_tasks
from jobflows.engine.arrays import take_in_array
from jobflows.engine.blocks import cut
from jobflows.engine.draft import Draft
from jobflows.engine.flow import CompiledFlow, CompiledStep
from jobflows.engine.ledger import Reason, StepPhase, StepRecord
from jobflows.engine.mapping import MapRecord
from jobflows.engine.values import step_document

T = TypeVar("T")


def open_array(draft: Draft, step: CompiledStep) -> None:
    """A ready array begins; an empty one is done with that."""
    i = step.index
    try:
        if step.spec.map is not None:
            _cut_map(draft, step, step.spec.map)
        count = task_values(draft.flow, step, draft.records).count
        _check_sizes(draft, step, count)
    except ItemsError as error:
        draft.finish(i, StepPhase.FAILED, Reason.INPUT_INVALID, str(error))
        draft.event(Reason.INPUT_INVALID, str(error), i, warning=True)
        return
    draft.event(Reason.STARTED, f"{count} tasks", i)
    if count:
        draft.open_array(i, kept_tasks(draft.records[i].tasks, count))
        take_in_array(draft, i)  # an operator that died may have started it without saying so
    else:
        draft.finish(i, StepPhase.SUCCEEDED, Reason.COMPLETED, "no tasks", started=draft.now)


def task_values(
    flow: CompiledFlow, step: CompiledStep, records: Sequence[StepRecord]
) -> TaskValues:
    """The values of the array's tasks; ItemsError when a list that was to be found is none."""
    if step.values is not None:
        return step.values
    if step.spec.map is not None:
        items = map_items(flow, step.spec.map, records)
        decided = records[step.index].map
        blocks = Blocks(
            items, decided.per_task if decided and decided.per_task else len(items) or 1
        )
        return TaskValues(len(blocks), items=blocks)
    array = step.spec.array
    assert array is not None
    assert array.items_from is not None
    return _found(flow, array.items_from, records, lambda text: TaskValues.of(array, text))


def map_items(flow: CompiledFlow, mapping: Map, records: Sequence[StepRecord]) -> Sequence[Any]:
    """The items of a map that the flow knows; ItemsError when a list that was found is none."""
    found = mapping.items_from
    if found is None:
        return mapping.written or ()
    return _found(flow, found, records, lambda text: read_items(text, found.limit))


def _found(
    flow: CompiledFlow,
    source: ItemsFrom,
    records: Sequence[StepRecord],
    read: Callable[[str], T],
) -> T:
    """What an earlier step has found out, as `read` makes it of the text."""
    producer, path = jsonpath.split_step_path(source.json_path)
    record = records[flow.graph.index[producer]]
    try:
        return read(jsonpath.query(path, step_document(record)))
    except LookupError as error:
        words = f"itemsFrom: step {producer} ({record.phase}) has no value at {path}"
        raise ItemsError(words) from error
    except ItemsError as error:
        raise ItemsError(f"itemsFrom: step {producer}, {path}: {error}") from error


def _cut_map(draft: Draft, step: CompiledStep, mapping: Map) -> None:
    """Decide how many items a task has.

    What a run that is resumed has decided stays; so does what an operator has decided that died
    before it could say so, but not before it had created a Job.
    """
    record = draft.records[step.index]
    if record.map is not None and record.map.per_task:
        return
    items = map_items(draft.flow, mapping, draft.records)
    blocks = cut(mapping, items, draft.seen.measured.get(mapping.function))
    decided = MapRecord(function=mapping.function, per_task=blocks.per_task, reason=blocks.reason)
    for attempt in draft.attempts(step.index):
        if attempt.items_per_task and attempt.number > record.attempt:
            words = f"{attempt.ref.name} was made so"
            decided = replace(decided, per_task=attempt.items_per_task, reason=words)
    draft.update(step.index, map=decided)


def _check_sizes(draft: Draft, step: CompiledStep, count: int) -> None:
    for parent in sorted(step.index_parents):
        tasks = draft.records[parent].tasks
        if tasks is not None and tasks.total != count:
            name = draft.flow.graph.names[parent]
            raise ItemsError(
                f"dependencyMode Index: {count} tasks cannot follow the {tasks.total} of {name} "
                "one by one"
            )
