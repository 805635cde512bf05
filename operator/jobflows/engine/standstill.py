"""A flow that may not go on, because its spec has become invalid while it ran.

What runs goes on and nothing starts, until the spec is mended. What must not wait for that is the
end: a person's word, and the deadlines of the flow and of its attempts. Exit handlers do not run
after such an end, for they would have to be started.
"""

from __future__ import annotations

from jobflows.engine.draft import Draft
from jobflows.engine.outcome import close, stop_flow
from jobflows.engine.stopping import reason_to_stop

WITHOUT_HANDLERS = "exit handlers do not run, because the spec is invalid"


def stand_still(draft: Draft) -> None:
    """End the flow if it must not run any longer; start nothing, and do not call it done."""
    if draft.ledger.outcome is not None:
        close(draft, draft.ledger.outcome)
        return
    end = reason_to_stop(draft)
    if end is not None:
        reason, words = end
        if draft.frontier.handlers:
            words = f"{words}; {WITHOUT_HANDLERS}"
        stop_flow(draft, reason, words, with_handlers=False)
