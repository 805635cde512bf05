"""When a plan has to be made again, from what the API server says now.

A watch may have been cut long enough for an end to go unseen. So nothing that seems to run is
ended, and nothing that seems gone is given up, on the word of a watch alone. Called by the
reconciler with each plan, so it looks at what the plan does, not at all steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobflows.engine import Attempt, CompiledFlow, Ledger, Plan, Reason, StopAttempt

_UNSEEN = (Reason.LOST, Reason.POD_DELETED, Reason.OUTPUT_INVALID)
"""Ends that are told by what is missing: the Job, its pod, or the message of a pod that is late."""


def in_doubt(
    flow: CompiledFlow, before: Ledger, seen: Mapping[int, Sequence[Attempt]], answer: Plan
) -> bool:
    """Whether the plan decides, now, something that unseen news would have decided otherwise.

    `seen` are the attempts, by step, that it was made from.
    """
    if any(isinstance(action, StopAttempt) for action in answer.actions):
        return answer.ledger != before
    talked_about = {event.step for event in answer.events} & flow.graph.index.keys()
    return any(
        _gives_up(before, answer.ledger, step) or _misses_a_batch(before, step, seen.get(step, ()))
        for step in map(flow.graph.index.__getitem__, talked_about)
    )


def _gives_up(before: Ledger, after: Ledger, step: int) -> bool:
    """Whether an attempt is given up because nothing is seen of it, or of what it should say."""
    known = before.steps[step].failures if before.steps else ()
    failures = after.steps[step].failures
    return failures != known and bool(failures) and failures[-1].reason in _UNSEEN


def _misses_a_batch(before: Ledger, step: int, seen: Sequence[Attempt]) -> bool:
    """Whether nothing is seen of an attempt that has tasks of an array: they would begin again."""
    tasks = before.steps[step].tasks if before.steps else None
    return tasks is not None and not tasks.batches.keys() <= {attempt.number for attempt in seen}
