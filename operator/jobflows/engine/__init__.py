"""The planner: (compiled flow, ledger, observations, now) -> plan. Pure, and the heart of it all.

The same engine drives Jobs on a cluster (`jobflows.controller`) and processes on one machine
(`jobflows.local`); both turn its actions into effects and the world into observations.
"""

from jobflows.engine.conditions import conditions, invalid_conditions
from jobflows.engine.edits import edit, rebase
from jobflows.engine.explain import Explanation, explain
from jobflows.engine.flow import CompiledFlow, CompiledStep
from jobflows.engine.growth import UNGROWN, Grown, fallback_for, timeout_of
from jobflows.engine.ledger import (
    FAILURES_KEPT,
    FRESH,
    AttemptRef,
    FailedAttempt,
    FlowPhase,
    Instant,
    Ledger,
    Outcome,
    Reason,
    Resume,
    Spent,
    StepPhase,
    StepRecord,
)
from jobflows.engine.observations import (
    Attempt,
    AttemptState,
    Cause,
    Hold,
    LockUse,
    Observations,
    Peer,
    StopMode,
    StopRequest,
)
from jobflows.engine.plan import (
    Action,
    CreateResources,
    DeleteAttempt,
    DeleteFlow,
    Event,
    Plan,
    StartAttempt,
    StopAttempt,
    Waiting,
    Waits,
)
from jobflows.engine.planner import plan
from jobflows.engine.resume import Resumption, is_settled, resume
from jobflows.engine.revival import revive
from jobflows.engine.status import (
    UnreadableStatusError,
    read_status,
    read_to_plan,
    write_head,
    write_status,
    write_step,
)

__all__ = [
    "FAILURES_KEPT",
    "FRESH",
    "UNGROWN",
    "Action",
    "Attempt",
    "AttemptRef",
    "AttemptState",
    "Cause",
    "CompiledFlow",
    "CompiledStep",
    "CreateResources",
    "DeleteAttempt",
    "DeleteFlow",
    "Event",
    "Explanation",
    "FailedAttempt",
    "FlowPhase",
    "Grown",
    "Hold",
    "Instant",
    "Ledger",
    "LockUse",
    "Observations",
    "Outcome",
    "Peer",
    "Plan",
    "Reason",
    "Resume",
    "Resumption",
    "Spent",
    "StartAttempt",
    "StepPhase",
    "StepRecord",
    "StopAttempt",
    "StopMode",
    "StopRequest",
    "UnreadableStatusError",
    "Waiting",
    "Waits",
    "conditions",
    "edit",
    "explain",
    "fallback_for",
    "invalid_conditions",
    "is_settled",
    "plan",
    "read_status",
    "read_to_plan",
    "rebase",
    "resume",
    "revive",
    "timeout_of",
    "write_head",
    "write_status",
    "write_step",
]
