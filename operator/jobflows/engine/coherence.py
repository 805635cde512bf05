"""What a status says that no ledger of its flow can say: the planner would stumble over it.

A status passes its schema whoever writes it. So what is read is held against itself and against the
flow, as far as the next plan depends on it. What an edit of the spec may have brought about is
no contradiction as long as a plan can be made.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from jobflows.api.array import ItemsError
from jobflows.engine.flow import CompiledFlow, CompiledStep
from jobflows.engine.indexes import IndexSet
from jobflows.engine.ledger import Ledger, StepPhase
from jobflows.engine.opening import task_values
from jobflows.engine.tasks import Tasks
from jobflows.engine.values import ValueUnavailableError, resolve_inputs

MOST_RANGES = 56
"""Characters that the indexes of tasks may take in a sentence."""


def contradiction(flow: CompiledFlow, ledger: Ledger) -> str:
    """The field that is wrong and why, for people; empty when all is well, or the flow is over."""
    if ledger.phase.terminal:
        return ""
    for step, record in zip(flow.steps, ledger.steps, strict=True):
        if record.tasks is None or record.phase.terminal:
            continue
        field, words = next(_of_tasks(record.tasks), ("", ""))
        if not field and record.phase is not StepPhase.PENDING:
            field, words = next(_of_starts(flow, step, ledger, record.tasks), ("", ""))
        if field:
            return f"steps[{step.name}].{field}: {words}"
    return ""


def _of_tasks(tasks: Tasks) -> Iterator[tuple[str, str]]:
    """What is wrong with the tasks of an array by themselves."""
    sets = [("succeeded", tasks.succeeded), ("failed", tasks.failed), ("skipped", tasks.skipped)]
    sets.append(("running", tasks.running))
    everything = IndexSet.span(0, tasks.total)
    for name, members in sets:
        if beyond := members - everything:
            words = f"{_named(beyond)} beyond the total of {tasks.total}"
            yield f"tasks.{name}", words
    for (name, members), (other, others) in combinations(sets, 2):
        if both := members & others:
            yield f"tasks.{other}", f"{_named(both)} in {name} as well"


def _of_starts(
    flow: CompiledFlow, step: CompiledStep, ledger: Ledger, tasks: Tasks
) -> Iterator[tuple[str, str]]:
    """Why tasks of an open array that wait could not be started."""
    if not step.is_array:
        yield "tasks", "the step is no array, and runs no tasks"
        return
    if not tasks.waiting:
        return
    try:
        values = task_values(flow, step, ledger.steps)
        resolve_inputs(flow, step, ledger.steps)
    except (ItemsError, ValueUnavailableError) as error:
        yield "tasks", f"it runs, but {error}"
        return
    beyond = tasks.waiting - IndexSet.span(0, values.count)
    if beyond and values.items is not None:
        decided = ledger.steps[step.index].map
        cut = f" of {decided.per_task} items (map.itemsPerTask)" if decided is not None else ""
        yield "tasks.total", f"{tasks.total} tasks, but there are values for {values.count}{cut}"


def _named(tasks: IndexSet) -> str:
    return f"{'task' if len(tasks) == 1 else 'tasks'} {tasks.short(MOST_RANGES)}"
