"""Tasks of an array that only a Job or a status has counted -> attempts without pod and times.

Who saw a task's pod knows more of it, so only what is missing is written. Which attempt it was that
a status counts may be unknown: then it is the one that was seen to run, or number 0, which stands
for as long as no other is known.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, delete, select

from jobflows.archive.facts import UNNUMBERED, AttemptFact, TasksFact
from jobflows.archive.models import NO_TASK, Attempt
from jobflows.engine.indexes import IndexSet

_ENDED = ("Succeeded", "Failed")


def missing(connection: Connection, fact: TasksFact) -> Iterator[AttemptFact]:
    """The attempts of a fact whose end is not in the archive."""
    query = select(Attempt.task, Attempt.attempt, Attempt.phase).where(
        Attempt.flow_id == fact.flow_id, Attempt.step == fact.step, Attempt.task != NO_TASK
    )
    if fact.attempt != UNNUMBERED:
        query = query.where(Attempt.attempt == fact.attempt)
    found = connection.execute(query.order_by(Attempt.attempt)).all()
    ended = IndexSet.of(task for task, _, phase in found if phase in _ENDED)
    seen = {task: number for task, number, _ in found}
    for phase, tasks in (("Succeeded", fact.succeeded), ("Failed", fact.failed)):
        has_failed = phase == "Failed"
        for task in tasks - ended:
            yield AttemptFact(
                flow_id=fact.flow_id,
                step=fact.step,
                attempt=seen.get(task, fact.attempt),
                task=task,
                kind=fact.kind,
                version=fact.version,
                run=fact.run,
                phase=phase,
                cause=fact.cause if has_failed else "",
                reason=fact.reason if has_failed else "",
                message=fact.message if has_failed else "",
                exit_code=None if has_failed else 0,
            )


def drop_unnumbered(connection: Connection, flow_id: str, step: str) -> None:
    """Remove the attempts without a number of tasks that have one with a number."""
    of_step = (Attempt.flow_id == flow_id, Attempt.step == step)
    known = select(Attempt.task).where(*of_step, Attempt.attempt != UNNUMBERED)
    connection.execute(
        delete(Attempt).where(*of_step, Attempt.attempt == UNNUMBERED, Attempt.task.in_(known))
    )
