"""The ledger: everything that has been decided about a flow, and nothing else.

On a cluster it is the flow's `status`; locally it is a file. A record is immutable, a new decision
is a new record, so two ledgers are compared by identity of their records. What can be derived from
the records and the graph (who is ready, who is open) is the frontier: carried along so that a plan
costs what changed, rebuilt by the engine whenever it is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from jobflows.api.status import Cause, FlowPhase, StepPhase
from jobflows.engine.growth import UNGROWN, Grown

if TYPE_CHECKING:
    from jobflows.engine.frontier import Frontier
    from jobflows.engine.mapping import MapRecord
    from jobflows.engine.tasks import Tasks

__all__ = [
    "FIRST_RUN",
    "FRESH",
    "AttemptRef",
    "FailedAttempt",
    "FlowPhase",
    "Instant",
    "Ledger",
    "Outcome",
    "Reason",
    "Resume",
    "Spent",
    "StepPhase",
    "StepRecord",
]

Instant = float
"""A point in time in UNIX seconds. It always comes from outside: the engine has no clock."""


class Reason(StrEnum):
    """Why something is as it is, in one word that scripts and alerts can rely on."""

    DEPENDENCY_FAILED = "DependencyFailed"
    WHEN_FALSE = "WhenFalse"
    WHEN_ERROR = "WhenError"
    INPUT_INVALID = "InputInvalid"
    OUTPUT_INVALID = "OutputInvalid"
    BACKING_OFF = "BackingOff"
    TIMEOUT = "StepTimeout"
    FAILURE_IGNORED = "FailureIgnored"
    DISRUPTION_LIMIT = "DisruptionLimitExceeded"
    REJECTED = "JobRejected"
    LOST = "JobLost"
    POD_DELETED = "PodDeleted"
    AWAITING_APPROVAL = "AwaitingApproval"
    APPROVED = "Approved"
    APPROVAL_DENIED = "ApprovalDenied"
    STARTED = "Started"
    WAITING_FOR_STEPS = "WaitingForSteps"
    WAITING_FOR_RESOURCES = "WaitingForResources"
    READY = "Ready"
    STARTING = "Starting"
    STOPPING = "Stopping"
    QUEUED = "Queued"
    UNSCHEDULABLE = "Unschedulable"
    SUSPENDED = "Suspended"
    PARALLELISM = "Parallelism"
    LOCK = "Lock"
    QUOTA = "Quota"
    WAITING_FOR_FLOW = "WaitingForFlow"
    REPLACED = "Replaced"
    FLOW_DEADLINE = "ActiveDeadlineExceeded"
    BACKOFF_LIMIT = "BackoffLimitExceeded"
    FAIL_FAST = "FailFast"
    STOPPED = "Stopped"
    TERMINATED = "Terminated"
    EXIT_HANDLERS = "ExitHandlers"
    ON_EXIT_FAILED = "OnExitFailed"
    RESOURCE_CONFLICT = "ResourceConflict"
    FLOW_FINISHED = "FlowFinished"
    TASKS_FAILED = "TasksFailed"
    STEP_FAILED = "StepFailed"
    MARKED = "MarkedSucceeded"
    COMPLETED = "Completed"
    INVALID = "Invalid"


@dataclass(frozen=True, slots=True)
class AttemptRef:
    """The Job (or local process) of an attempt."""

    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """What failed attempts have cost, by cause: budgets that never mix.

    `retries` are those after failures of the program, `losses` those after disruptions.
    """

    retries: int = 0
    out_of_memory: int = 0
    timeouts: int = 0
    losses: int = 0

    @property
    def counted(self) -> int:
        """What the flow's `backoffLimit` counts: all but disruptions."""
        return self.retries + self.out_of_memory + self.timeouts

    def on(self, cause: Cause) -> int:
        """What was spent on one cause."""
        spent: int = getattr(self, _BUDGETS.get(cause, "retries"))
        return spent

    def plus(self, cause: Cause) -> Spent:
        """One more for `cause`."""
        return replace(self, **{_BUDGETS.get(cause, "retries"): self.on(cause) + 1})


_BUDGETS = {
    Cause.OUT_OF_MEMORY: "out_of_memory",
    Cause.TIMEOUT: "timeouts",
    Cause.DISRUPTION: "losses",
}


UNSPENT = Spent()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """What is remembered of an attempt that failed; `resources` are those that it had."""

    number: int
    cause: Cause
    reason: str = ""
    exit_code: int | None = None
    resources: Grown = UNGROWN


FAILURES_KEPT = 10
"""A step remembers so many of its failed attempts, the newest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """What is decided about one step.

    `attempt` is the number of the newest attempt, 0 before the first. `spent` is what failed ones
    of this run have cost, `resources` what the next one may use beyond its template. `started` is
    the first attempt's start in this run, `attempt_started` the newest one's; the latter is not
    written down, a restart takes it from the Job. `outdated` says that the step was edited after
    it had finished.
    """

    phase: StepPhase = StepPhase.PENDING
    reason: str = ""
    message: str = ""
    attempt: int = 0
    spent: Spent = UNSPENT
    resources: Grown = UNGROWN
    failures: tuple[FailedAttempt, ...] = ()
    started: Instant | None = None
    attempt_started: Instant | None = None
    finished: Instant | None = None
    retry_at: Instant | None = None
    job: AttemptRef | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    tasks: Tasks | None = None
    """What is decided about each task of an array, once it is open."""

    former: int = 0
    """Attempts of an array up to this number were ended by a cold resume: what still runs of them
    is stopped, and nothing of it counts."""

    map: MapRecord | None = None
    """How the items of a map step are cut, and what it has measured."""

    outdated: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is an array whose tasks may have begun; what an earlier run left is not."""
        return self.tasks is not None and self.phase is not StepPhase.PENDING

    @property
    def retries(self) -> int:
        """Attempts after failures of the program."""
        return self.spent.retries

    @property
    def losses(self) -> int:
        """Attempts after disruptions."""
        return self.spent.losses


FRESH = StepRecord()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the steps ended: the phase that the flow takes when its exit handlers are done."""

    phase: FlowPhase
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """What became of the requests to resume a flow.

    `id` names the last one that was taken in, at `at`; `run` counts the runs it began, and the
    first one. `refused` is the digest of the last one that was refused, `refusal` says why.
    """

    id: str = ""
    at: Instant | None = None
    run: int = 1
    refused: str = ""
    refusal: str = ""


FIRST_RUN = Resume()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What is decided about a flow; `steps` has one record a step, in the order of the graph.

    `outcome` is set when the steps are over and there are exit handlers, and stays.
    """

    phase: FlowPhase = FlowPhase.PENDING
    reason: str = ""
    message: str = ""
    started: Instant | None = None
    finished: Instant | None = None
    outcome: Outcome | None = None
    steps: Sequence[StepRecord] = ()
    resume: Resume = FIRST_RUN
    frontier: Frontier | None = field(default=None, compare=False, repr=False)
