"""When a plan has to be made again, from what the API server says now.

A watch may have been cut long enough for an end to go unseen. So nothing that seems to run is
ended, and nothing that seems gone is given up, on the word of a watch alone. Called by the
reconciler with each plan, so it looks at what the plan does, not at all steps.
"""

from __future__ import annotations

from jobflows.engine import CompiledFlow, Ledger, Plan, Reason, StopAttempt

_GONE = (Reason.LOST, Reason.POD_DELETED)


def in_doubt(flow: CompiledFlow, before: Ledger, answer: Plan) -> bool:
    """Whether the plan decides, now, something that unseen news would have decided otherwise."""
    if any(isinstance(action, StopAttempt) for action in answer.actions):
        return answer.ledger != before
    talked_about = {event.step for event in answer.events} & flow.graph.index.keys()
    return any(_gives_up(before, answer.ledger, flow.graph.index[step]) for step in talked_about)


def _gives_up(before: Ledger, after: Ledger, step: int) -> bool:
    """Whether an attempt is taken for lost, because nothing is seen of it."""
    known = before.steps[step].failures if before.steps else ()
    failures = after.steps[step].failures
    return failures != known and bool(failures) and failures[-1].reason in _GONE
