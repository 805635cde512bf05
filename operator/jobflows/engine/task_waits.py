"""Why tasks of an open array wait, each set of tasks that waits for the same with one answer.

Asked by `explain`. Like the rest of it this is derived again from the ledger, in the order in which
a planner asks: the tasks before them, their back-off, what holds back all of the flow, a limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobflows.engine.batches import may_follow
from jobflows.engine.flow import CompiledFlow
from jobflows.engine.indexes import IndexSet, union
from jobflows.engine.ledger import Instant, Reason, StepRecord
from jobflows.engine.observations import Attempt
from jobflows.engine.tasks import Tasks
from jobflows.engine.times import rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWait:
    """Tasks that have not begun, and why; the fields are those of an `Explanation`."""

    tasks: IndexSet
    reason: str
    message: str
    blocked_by: tuple[str, ...] = ()
    until: Instant | None = None


def task_waits(
    flow: CompiledFlow,
    records: Sequence[StepRecord],
    i: int,
    now: Instant,
    *,
    seen: Sequence[Attempt],
    shut: tuple[str, str] | None,
) -> Iterator[TaskWait]:
    """Say of the tasks of array `i` that neither run nor are done what they wait for.

    `seen` are its batches, `shut` is the reason and message of what holds back all that is left.
    """
    record = records[i]
    tasks = record.tasks
    assert tasks is not None  # only an open array has tasks that wait
    asked = union(a.tasks for a in seen if a.counts and a.number > record.attempt)
    left = tasks.waiting - asked
    for parent in sorted(flow.steps[i].index_parents):
        held = left - may_follow(flow, records, parent, tasks.total)
        left = left - held
        if held:
            name = flow.graph.names[parent]
            words = f"each waits for the task of {name} with its index"
            yield _because(held, Reason.WAITING_FOR_STEPS, words, blocked_by=(name,))
    for history, members in tasks.history_of(left):
        if history.retry_at is not None and history.retry_at > now:
            left = left - members
            words = f"tried again at {rfc3339(round(history.retry_at))}"
            yield _because(members, Reason.BACKING_OFF, words, until=history.retry_at)
    if left:
        reason, words = shut or _own_limit(flow, i, tasks, asked) or (Reason.READY, _SOON)
        yield _because(left, reason, words)


_SOON = "nothing is in their way; they go out with the next Job"


def _own_limit(flow: CompiledFlow, i: int, tasks: Tasks, asked: IndexSet) -> tuple[str, str] | None:
    array = flow.steps[i].spec.array
    limit = array.parallelism if array is not None else None
    if limit is None or len(tasks.running | asked) < limit:
        return None
    return Reason.PARALLELISM, f"array.parallelism lets {limit} tasks run at once"


def _because(
    tasks: IndexSet,
    reason: str,
    message: str,
    *,
    blocked_by: tuple[str, ...] = (),
    until: Instant | None = None,
) -> TaskWait:
    return TaskWait(
        tasks=tasks, reason=str(reason), message=message, blocked_by=blocked_by, until=until
    )
