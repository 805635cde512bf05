"""The planner: (compiled flow, ledger, observations, now) -> plan. Pure, and the heart of it all.

The same engine drives Jobs on a cluster (`jobflows.controller`) and processes on one machine
(`jobflows.local`); both turn its actions into effects and the world into observations.
"""

from jobflows.engine.edits import edit, rebase
from jobflows.engine.explain import Explanation, explain
from jobflows.engine.flow import CompiledFlow, CompiledStep
from jobflows.engine.ledger import (
    FRESH,
    AttemptRef,
    FlowPhase,
    Instant,
    Ledger,
    Outcome,
    Reason,
    Resume,
    StepPhase,
    StepRecord,
)
from jobflows.engine.observations import (
    Attempt,
    AttemptState,
    Cause,
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
)
from jobflows.engine.planner import plan
from jobflows.engine.resume import Resumption, is_settled, resume
from jobflows.engine.status import conditions, invalid_conditions, read_status, write_status

__all__ = [
    "FRESH",
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
    "FlowPhase",
    "Instant",
    "Ledger",
    "Observations",
    "Outcome",
    "Peer",
    "Plan",
    "Reason",
    "Resume",
    "Resumption",
    "StartAttempt",
    "StepPhase",
    "StepRecord",
    "StopAttempt",
    "StopMode",
    "StopRequest",
    "conditions",
    "edit",
    "explain",
    "invalid_conditions",
    "is_settled",
    "plan",
    "read_status",
    "rebase",
    "resume",
    "write_status",
]
