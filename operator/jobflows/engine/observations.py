"""What the engine is told about the world: attempts seen, approvals given, other flows around.

Adapters make these from Jobs and pods, or from processes. An observation is a fact at one moment;
it may be late, doubled or missing, and the plan must come out the same in the end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from jobflows.api.status import Cause
from jobflows.engine.indexes import EMPTY, IndexSet, union
from jobflows.engine.ledger import AttemptRef, FlowPhase, Instant
from jobflows.engine.mapping import Measured

__all__ = ["Attempt", "AttemptState", "Cause", "Observations", "Peer", "TaskFailure"]


class AttemptState(StrEnum):
    """How far it is. STARTING: asked for, not confirmed. UNANSWERED: asked for, and the answer was
    lost, so it may exist. BLOCKED: refused for now. STOPPING: not gone yet."""

    STARTING = "Starting"
    UNANSWERED = "Unanswered"
    BLOCKED = "Blocked"
    RUNNING = "Running"
    STOPPING = "Stopping"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailure:
    """Tasks of a batch that failed in the same way."""

    tasks: IndexSet
    cause: Cause = Cause.APPLICATION
    reason: str = ""
    message: str = ""
    exit_codes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a step as it is seen now.

    `output` is the termination message of the main container; `exit_codes` are those of all failed
    containers by name. One that is RUNNING with the cause CONFIGURATION will never run: its Job
    goes on trying, and has to be stopped. `recheck_at` asks to be looked at again then, because
    detail is still on its way (a Job says that it failed before its pod says why).
    """

    number: int
    state: AttemptState
    ref: AttemptRef
    created: Instant | None = None
    finished: Instant | None = None
    cause: Cause = Cause.APPLICATION
    reason: str = ""
    message: str = ""
    exit_codes: Mapping[str, int] = field(default_factory=dict)
    output: str | None = None
    recheck_at: Instant | None = None
    tasks: IndexSet = EMPTY
    """The tasks of an array that this attempt was made for."""
    succeeded: IndexSet = EMPTY
    """Those of them that have succeeded."""
    failures: tuple[TaskFailure, ...] = ()
    """Those of them that have failed."""
    stuck: IndexSet = EMPTY
    """Those of the failed whose pods will never run, and are there until the attempt is stopped."""
    outputs: Mapping[int, str] = field(default_factory=dict)
    """Termination messages of tasks that have succeeded, where they are asked for."""
    items_per_task: int = 0
    """How many items of a map each task was made for; 0 when nobody cut them."""
    is_over: bool = False
    """Whether nothing of it runs any more, while detail is still on its way."""
    locks: Mapping[str, int] = field(default_factory=dict)
    """The locks it holds while it counts, each with the limit that its step stated."""

    @property
    def unfinished(self) -> IndexSet:
        """Of an array: the tasks of which no end is known."""
        return self.tasks - self.succeeded - union(failure.tasks for failure in self.failures)

    @property
    def held(self) -> IndexSet:
        """Of an array: the tasks of which something may be there still, while it is live."""
        return self.unfinished | self.stuck

    @property
    def counts(self) -> bool:
        """Whether it takes room under every limit: something of it may be running, or may come."""
        return not self.is_over and (self.is_live or self.state is AttemptState.UNANSWERED)

    @property
    def is_live(self) -> bool:
        """Whether something of it may be running: nothing else of its step is started then."""
        return self.state in _LIVE

    @property
    def was_created(self) -> bool:
        """Whether it ever existed; what has its name otherwise belongs to somebody else."""
        return self.state not in _NOT_MADE and self.cause is not Cause.REJECTED


_NOT_MADE = frozenset({AttemptState.BLOCKED, AttemptState.UNANSWERED})
_LIVE = frozenset({AttemptState.STARTING, AttemptState.RUNNING, AttemptState.STOPPING})


@dataclass(frozen=True, slots=True)
class Peer:
    """Another flow of the same concurrency group that is not finished, or has something running."""

    uid: str
    name: str
    created: Instant
    """When it was created, or resumed."""
    phase: FlowPhase
    replaces: bool
    """Whether its own concurrencyPolicy is Replace."""
    started: bool = False
    """Whether its first step may have started."""


class StopMode(StrEnum):
    """How a person ends a flow. STOP: its exit handlers run. TERMINATE: nothing runs any more."""

    STOP = "stop"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class StopRequest:
    """A person wants the flow to end; `words` say how they asked for it."""

    mode: StopMode
    words: str


class Hold(StrEnum):
    """What of a flow stands still because its spec has become invalid.

    STARTS: what runs is followed by the last valid spec. ALL: that is not known any more, as after
    a restart, so nothing is said of steps that a mended spec may judge otherwise.
    """

    STARTS = "starts"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class LockUse:
    """How many hold a lock, and the smallest limit that any of them stated."""

    taken: int
    limit: int

    def and_also(self, taken: int, limit: int) -> LockUse:
        """The use with more holders."""
        return LockUse(self.taken + taken, min(self.limit, limit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """All that is seen of one flow.

    `attempts[i]` are the attempts of step i, oldest first; a step without any is missing.
    `changed` are the steps whose attempts may have changed since the last plan; None means that
    nobody knows, and everything is looked at. `strays` are live attempts of steps that the spec no
    longer has.
    """

    attempts: Mapping[int, Sequence[Attempt]] = field(default_factory=dict)
    changed: Collection[int] | None = None
    strays: Sequence[Attempt] = ()
    approvals: Mapping[str, bool] = field(default_factory=dict)
    stop: StopRequest | None = None
    hold: Hold | None = None
    resume: str = ""
    """The request to resume the flow, as it was written."""
    peers: Sequence[Peer] = ()
    window: int | None = None
    """How many attempts one plan may start; the next plan goes on where this one ended."""
    largest_batch: int = 10_000
    """Most tasks of an array in one attempt."""
    measured: Mapping[str, Measured] = field(default_factory=dict)
    """What earlier runs of functions have measured."""
    quota: int | None = None
    """How many more tasks this flow may start under limits that it shares; None without any."""
    locks: Mapping[str, LockUse] = field(default_factory=dict)
    """What other flows use of locks, those that wait before this one included."""
    archived: bool = True
    """Whether the end of the run is kept elsewhere, or need not be: then its TTL may delete it."""
    resources_ready: bool = True
    resources_problem: str = ""
