"""What the engine answers: the new ledger, what to do in the world, and when to ask again.

An action is an intention that is safe to repeat: the next plan asks for it again until an
observation shows that it was carried out. So a crash between a plan and its effects loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from jobflows.api.array import TaskValues
from jobflows.engine.flow import CompiledFlow
from jobflows.engine.growth import UNGROWN, Grown
from jobflows.engine.indexes import EMPTY, IndexSet
from jobflows.engine.ledger import Instant, Ledger, Reason
from jobflows.engine.observations import Attempt


@dataclass(frozen=True, slots=True)
class CreateResources:
    """Create the flow's PersistentVolumeClaims and ConfigMaps; no step starts before."""


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Start attempt `number` of step `step`, with the values of its parameters."""

    step: int
    number: int
    parameters: Mapping[str, str] = field(default_factory=dict)
    tasks: IndexSet = EMPTY
    """The tasks that it runs, for an array."""
    values: TaskValues | None = None
    """The values of all tasks of the array."""
    resources: Grown = UNGROWN
    """What it may use beyond its template, because attempts before it had too little."""
    items_per_task: int = 0
    """How many items of a map each of its tasks has."""


@dataclass(frozen=True, slots=True)
class StopAttempt:
    """Stop an attempt and what it runs; its outcome must be on record before this is done."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class DeleteAttempt:
    """Remove the remains of a finished attempt, as the template's TTL asks."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class DeleteFlow:
    """Delete the finished flow and, through its ownership, all it created."""


Action = CreateResources | StartAttempt | StopAttempt | DeleteAttempt | DeleteFlow


@dataclass(frozen=True, slots=True)
class Event:
    """One transition, in words for people. `step` is empty when the flow itself changed."""

    reason: str
    message: str
    step: str = ""
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a ready step waits. It says limits, not how far they are used up: words that stay.

    `mend` is what somebody should put right about it, to be told once.
    """

    reason: Reason
    message: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """Ready steps of one lane that wait for the same: `first`, and those behind it."""

    waiting: Waiting
    first: int
    length: int


@dataclass(frozen=True, slots=True)
class Waits:
    """Ready steps that wait for room. 10,000 that wait for the same cost one entry.

    `steps` are those with a reason of their own, `queues` are lanes (`CompiledFlow.lanes`) that
    wait from some step on, `rest` holds for all other ready steps, and `others` is how many these
    are at most.
    """

    steps: Mapping[int, Waiting] = field(default_factory=dict)
    queues: Mapping[int, Queue] = field(default_factory=dict)
    rest: Waiting | None = None
    others: int = 0

    def of(self, flow: CompiledFlow, step: int) -> Waiting | None:
        """Why this ready step waits; None when it starts, or is about to."""
        own, queue = self.steps.get(step), self.queues.get(flow.lanes[step])
        if own is None and queue is not None:
            place = flow.graph.place
            own = queue.waiting if place[step] >= place[queue.first] else None
        return own or self.rest

    @property
    def reasons(self) -> Iterator[Waiting]:
        """Each reason, the ones that hold for many first."""
        if self.rest is not None:
            yield self.rest
        yield from (queue.waiting for queue in self.queues.values())
        yield from self.steps.values()

    @property
    def first(self) -> Waiting | None:
        """One reason that stands for all."""
        return next(self.reasons, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer of `plan()`. `wake_at` is the next moment when time alone changes something."""

    ledger: Ledger
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    wake_at: Instant | None = None
    waits: Waits = Waits()
