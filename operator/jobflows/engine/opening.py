"""An array begins: how many tasks it has, and whether they fit to what they follow.

It is open from the moment its dependencies are done, and runs whether or not one of its tasks does.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobflows.api import jsonpath
from jobflows.api.array import ItemsError, TaskValues
from jobflows.engine.array_resume import kept_tasks
from jobflows.engine.arrays import take_in_array
from jobflows.engine.draft import Draft
from jobflows.engine.flow import CompiledFlow, CompiledStep
from jobflows.engine.ledger import Reason, StepPhase, StepRecord
from jobflows.engine.values import step_document


def open_array(draft: Draft, step: CompiledStep) -> None:
    """A ready array begins; an empty one is done with that."""
    i = step.index
    try:
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
    array = step.spec.array
    assert array is not None
    assert array.items_from is not None
    producer, path = jsonpath.split_step_path(array.items_from.json_path)
    record = records[flow.graph.index[producer]]
    try:
        return TaskValues.of(array, jsonpath.query(path, step_document(record)))
    except LookupError as error:
        words = f"itemsFrom: step {producer} ({record.phase}) has no value at {path}"
        raise ItemsError(words) from error
    except ItemsError as error:
        raise ItemsError(f"itemsFrom: step {producer}, {path}: {error}") from error


def _check_sizes(draft: Draft, step: CompiledStep, count: int) -> None:
    for parent in sorted(step.index_parents):
        tasks = draft.records[parent].tasks
        if tasks is not None and tasks.total != count:
            name = draft.flow.graph.names[parent]
            raise ItemsError(
                f"dependencyMode Index: {count} tasks cannot follow the {tasks.total} of {name} "
                "one by one"
            )
