"""What becomes of a flow that the validator rejects.

Called by the reconciler when a flow does not compile. One that has not started fails, with all its
problems in the `Valid` condition, and touches nothing; it starts when its spec is mended. One that
runs already holds still: what runs goes on, nothing new starts. Either way each generation is told
once, and the TTL of a finished flow is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jobflows.controller.effects import Effects
from jobflows.controller.flowstate import FlowState
from jobflows.controller.glance import Status, glance_policy, glance_status
from jobflows.controller.measure import Census
from jobflows.controller.metrics import Metrics
from jobflows.controller.status_writer import StatusWriter
from jobflows.controller.world import World
from jobflows.engine import Event, FlowPhase, Instant, Reason, invalid_conditions
from jobflows.engine.times import rfc3339
from jobflows.manifests.records import FlowRecord


class InvalidFlowError(Exception):
    """The validator rejects the flow; `problems` are its words, one each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Rejection:
    """`announce` tells people, `wake` has a flow reconciled at a point in time."""

    def __init__(
        self,
        *,
        world: World,
        effects: Effects,
        status: StatusWriter,
        census: Census,
        metrics: Metrics,
        announce: Callable[[FlowState, Event], None],
        wake: Callable[[str, Instant], None],
        dry_run: bool,
        archive_required: bool = False,
    ) -> None:
        self._world = world
        self._effects = effects
        self._status = status
        self._census = census
        self._metrics = metrics
        self._announce = announce
        self._wake = wake
        self._dry_run = dry_run
        self._archive_required = archive_required

    async def reject(self, state: FlowState, problems: Sequence[str], now: Instant) -> None:
        """Say what is wrong, once a generation; raises what has to be tried again."""
        record = state.record
        assert record is not None  # the caller has looked
        generation = record.metadata.generation
        status = record.decoded_status()
        known = glance_status(record)
        self._count(record, known, now, new=not status)
        if state.invalid_generation != generation and not _is_told(status, generation):
            unstarted = known.phase is FlowPhase.PENDING or status.get("reason") == Reason.INVALID
            await self._tell(state, record, problems, now, final=unstarted and state.ledger is None)
        state.invalid_generation, state.problems = generation, problems
        await self._outlive(state, now)

    async def _tell(
        self,
        state: FlowState,
        record: FlowRecord,
        problems: Sequence[str],
        now: Instant,
        *,
        final: bool,
    ) -> None:
        words = "; ".join(problems)
        generation = record.metadata.generation
        patch: dict[str, Any] = {
            "observedGeneration": generation,
            "conditions": invalid_conditions(
                problems,
                generation=generation,
                now=now,
                final=final,
                before=record.decoded_status().get("conditions") or (),
            ),
        }
        if final:
            patch |= {
                "phase": str(FlowPhase.FAILED),
                "reason": str(Reason.INVALID),
                "message": words[:1024],
                "completionTime": rfc3339(now),
            }
        if not self._dry_run:
            await self._status.put(state, patch)
        if state.record is None:  # deleted meanwhile
            return
        self._announce(state, Event(Reason.INVALID, words, warning=True))
        self._metrics.reconcile_error("invalid")
        if final:
            self._census.reject(state.uid, record.metadata.namespace)
            self._world.finished(state)

    def _count(self, record: FlowRecord, known: Status, now: Instant, *, new: bool) -> None:
        meta = record.metadata
        phases = [step.phase for step in known.steps]
        self._census.meet(meta.uid, meta.namespace, known.phase, phases, moved=now, new=new)

    async def _outlive(self, state: FlowState, now: Instant) -> None:
        """A finished flow whose spec is invalid goes when its TTL is over, as any other."""
        record = state.record
        if record is None or self._dry_run:
            return
        status = glance_status(record)
        if not status.phase.terminal or status.finished is None:
            return
        expires = status.finished + glance_policy(record).ttl_seconds_after_finished
        if now < expires:
            self._wake(state.uid, expires)
        elif state.is_archived or not self._archive_required:
            await self._effects.delete_flow(record.metadata)


def is_fresh(status: dict[str, Any], record: FlowRecord) -> bool:
    """Whether a flow that was rejected before it started has been edited since."""
    generation = record.metadata.generation
    return status.get("reason") == Reason.INVALID and status.get("observedGeneration") != generation


def _is_told(status: dict[str, Any], generation: int) -> bool:
    """Whether the status says already that this generation is invalid."""
    return any(
        condition.get("type") == "Valid"
        and condition.get("status") == "False"
        and condition.get("observedGeneration") == generation
        for condition in status.get("conditions") or ()
    )
