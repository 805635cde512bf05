"""Everything the operator holds in memory about one flow.

The ledger here is the one that counts while the operator lives; the flow's `status` is its copy,
written a little later, and read only when a flow is met for the first time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobflows.api.resume import RESUME_ANNOTATION
from jobflows.controller.holds import Holds
from jobflows.controller.sightings import Sightings
from jobflows.engine import CompiledFlow, Instant, Ledger, LockUse, Observations, Peer
from jobflows.engine.mapping import Measured
from jobflows.engine.sizing import Tally
from jobflows.engine.starts import APPROVED_PREFIX
from jobflows.engine.stopping import STOP_ANNOTATION, read_stop
from jobflows.manifests.records import FlowRecord


@dataclass(slots=True)
class FlowState:
    """One flow by UID. `record` is None before the flow itself is seen, and once it is gone."""

    uid: str
    namespace: str
    record: FlowRecord | None = None
    former: FlowRecord | None = None
    """The flow as it was before edits that came while it was released."""
    flow: CompiledFlow | None = None
    ledger: Ledger | None = None
    ledger_on_record: Ledger | None = None
    """The ledger that the last written status holds."""
    sightings: Sightings = field(default_factory=Sightings)
    holds: Holds = field(default_factory=Holds)
    resources_ready: bool = False
    resources_problem: str = ""
    tally: Tally = field(default_factory=Tally)
    """What its tasks spent their time on."""
    stop_ignored: str = ""
    """Value of the stop annotation that means nothing, and that has been reported."""
    mends_told: set[str] = field(default_factory=set)
    """What somebody should put right about limits, and has been told."""
    invalid_generation: int = -1
    """Generation whose problems have been reported."""
    status_cost: float = 0.0
    """Seconds that the last write of the status took."""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the status is written: one patch of a flow at a time."""

    def adopt(self, flow: CompiledFlow, now: Instant) -> None:
        """Plan with this compiled spec from now on."""
        if self.flow is not None and self.flow.resources != flow.resources:
            self.resources_ready = False
            self.resources_problem = ""
        self.flow = flow
        self.holds.clear()
        self.sightings.adopt(flow, now)

    def release(self) -> None:
        """A finished flow whose status is written needs nothing but its record and its Jobs."""
        self.flow = None
        self.ledger = None
        self.ledger_on_record = None
        self.holds.clear()
        self.sightings.release()

    def observe(
        self,
        now: Instant,
        *,
        peers: Sequence[Peer],
        window: int,
        quota: int | None = None,
        locks: Mapping[str, LockUse] | None = None,
        measured: Mapping[str, Measured] | None = None,
    ) -> Observations:
        """All that a plan is told; at most `window` attempts may be on their way at a time."""
        annotations = self.record.metadata.annotations if self.record else {}
        sightings = self.sightings
        return Observations(
            changed=sightings.take_changes(now),
            attempts=sightings.attempts,
            strays=sightings.strays(),
            approvals=read_approvals(annotations),
            stop=read_stop(annotations.get(STOP_ANNOTATION, "")),
            resume=annotations.get(RESUME_ANNOTATION, ""),
            peers=peers,
            window=max(0, window - sightings.starting),
            quota=quota,
            locks=locks or {},
            measured=measured or {},
            resources_ready=self.resources_ready,
            resources_problem=self.resources_problem,
        )


def read_approvals(annotations: dict[str, str]) -> dict[str, bool]:
    """Answers to Manual steps by step name; anything but true and false is no answer yet."""
    answers = {"true": True, "false": False}
    return {
        key.removeprefix(APPROVED_PREFIX): answers[value.strip().lower()]
        for key, value in annotations.items()
        if key.startswith(APPROVED_PREFIX) and value.strip().lower() in answers
    }
