"""Everything the operator holds in memory about one flow.

The ledger here is the one that counts while the operator lives; the flow's `status` is its copy,
written a little later, and read only when a flow is met for the first time. Jobs and pods are kept
by step name and attempt number, so that an edit of the spec moves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from jobflows.engine import (
    Attempt,
    AttemptState,
    CompiledFlow,
    Instant,
    Ledger,
    Observations,
    Peer,
)
from jobflows.engine.starts import APPROVED_PREFIX
from jobflows.manifests.observe import observe_attempt
from jobflows.manifests.records import FlowRecord, JobRecord, PodRecord

Place = tuple[str, int]
"""(step name, attempt number)"""


@dataclass(slots=True)
class FlowState:
    """One flow by UID. `record` is None before the flow itself is seen, and once it is gone."""

    uid: str
    record: FlowRecord | None = None
    flow: CompiledFlow | None = None
    ledger: Ledger | None = None
    jobs: dict[str, dict[int, JobRecord]] = field(default_factory=dict)
    pods: dict[str, dict[int, dict[str, PodRecord]]] = field(default_factory=dict)
    refused: dict[Place, Attempt] = field(default_factory=dict)
    """Attempts that the API server would not create, now or ever."""
    resources_ready: bool = False
    resources_problem: str = ""
    invalid_generation: int = -1
    """Generation whose problems have been reported."""
    dirty: set[str] = field(default_factory=set)
    """Steps whose Jobs or pods changed since the last plan."""
    all_dirty: bool = True
    attempts: dict[int, Sequence[Attempt]] = field(default_factory=dict)
    rechecks: dict[str, Instant] = field(default_factory=dict)
    """Steps to be looked at again at a time, because detail is still on its way."""
    ledger_on_record: Ledger | None = None
    """The ledger that the last written status holds."""

    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the status is written: one patch of a flow at a time."""

    def touch(self, step: str) -> None:
        """Note that something about a step's attempts changed."""
        self.dirty.add(step)

    def adopt(self, flow: CompiledFlow) -> None:
        """Plan with another compiled spec from now on; every index may have moved."""
        self.flow = flow
        self.all_dirty = True

    def release(self) -> None:
        """A finished flow whose status is written needs nothing but its record and its Jobs."""
        self.flow = None
        self.ledger = None
        self.ledger_on_record = None
        self.attempts = {}
        self.rechecks = {}
        self.refused = {}
        self.all_dirty = True

    def observe(
        self, flow: CompiledFlow, now: Instant, *, peers: Sequence[Peer], window: int
    ) -> Observations:
        """Make the observations for a plan, looking only at what changed since the last one."""
        everything = self.all_dirty
        if everything:
            self.attempts = {}
            names = self.jobs.keys() | self.pods.keys() | {step for step, _ in self.refused}
        else:
            names = self.dirty | {name for name, at in self.rechecks.items() if at <= now}
        changed = set()
        for name in names:
            step = flow.graph.index.get(name)
            if step is None:
                continue
            changed.add(step)
            attempts = self._attempts(name, bool(flow.steps[step].spec.outputs.parameters), now)
            self.rechecks.pop(name, None)
            if attempts:
                self.attempts[step] = attempts
                if attempts[-1].recheck_at is not None:
                    self.rechecks[name] = attempts[-1].recheck_at
            else:
                self.attempts.pop(step, None)
        self.dirty = set()
        self.all_dirty = False
        annotations = self.record.metadata.annotations if self.record else {}
        return Observations(
            attempts=self.attempts,
            changed=None if everything else changed,
            strays=self._strays(flow, now),
            approvals=read_approvals(annotations),
            peers=peers,
            window=window,
            resources_ready=self.resources_ready,
            resources_problem=self.resources_problem,
        )

    def _attempts(self, step: str, wants_output: bool, now: Instant) -> tuple[Attempt, ...]:
        jobs = self.jobs.get(step, {})
        pods = self.pods.get(step, {})
        refused = {number: a for (name, number), a in self.refused.items() if name == step}
        found = []
        for number in sorted(jobs.keys() | pods.keys() | refused.keys()):
            attempt = observe_attempt(
                number,
                jobs.get(number),
                list(pods.get(number, {}).values()),
                wants_output=wants_output,
                now=now,
            )
            attempt = attempt or refused.get(number)
            if attempt is not None:
                found.append(attempt)
        return tuple(found)

    def _strays(self, flow: CompiledFlow, now: Instant) -> list[Attempt]:
        unknown = [name for name in self.jobs if name not in flow.graph.index]
        return [
            attempt
            for name in unknown
            for attempt in self._attempts(name, False, now)
            if attempt.state is AttemptState.RUNNING
        ]


def read_approvals(annotations: dict[str, str]) -> dict[str, bool]:
    """Answers to Manual steps by step name; anything but true and false is no answer yet."""
    answers = {"true": True, "false": False}
    return {
        key.removeprefix(APPROVED_PREFIX): answers[value.strip().lower()]
        for key, value in annotations.items()
        if key.startswith(APPROVED_PREFIX) and value.strip().lower() in answers
    }
