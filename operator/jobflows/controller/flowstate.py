"""Everything the operator holds in memory about one flow.

The ledger here is the one that counts while the operator lives; the flow's `status` is its copy,
written a little later, and read only when a flow is met for the first time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobflows.api.resume import RESUME_ANNOTATION
from jobflows.controller.glance import glance_status
from jobflows.controller.holds import Holds
from jobflows.controller.sightings import Sightings
from jobflows.engine import CompiledFlow, Hold, Instant, Ledger, LockUse, Observations, Peer, Waits
from jobflows.engine.mapping import Measured
from jobflows.engine.sizing import Tally
from jobflows.engine.starts import read_approvals
from jobflows.engine.stopping import STOP_ANNOTATION, read_stop
from jobflows.manifests import labels
from jobflows.manifests.records import FlowRecord


@dataclass(slots=True)
class FlowState:
    """One flow by UID. `record` is None before the flow itself is seen, and once it is gone."""

    uid: str
    namespace: str
    record: FlowRecord | None = None
    group: str = ""
    """The concurrency group that its record names; empty when it is alone."""
    former: FlowRecord | None = None
    """The flow as it was before edits that came while it was released."""
    bucket: int | None = None
    """Where it and its Jobs belong (`shards.py`); None until somebody asks."""
    flow: CompiledFlow | None = None
    ledger: Ledger | None = None
    ledger_on_record: Ledger | None = None
    """The ledger that the last written status holds."""
    sightings: Sightings = field(default_factory=Sightings)
    holds: Holds = field(default_factory=Holds)
    resources_ready: bool = False
    resources_problem: str = ""
    waits: Waits = field(default_factory=Waits)
    """Why its ready steps waited in the last plan."""
    tally: Tally = field(default_factory=Tally)
    """What its tasks spent their time on."""
    stop_ignored: str = ""
    """Value of the stop annotation that means nothing, and that has been reported."""
    mends_told: set[str] = field(default_factory=set)
    """What somebody should put right about limits, and has been told."""
    unreadable: bool = False
    """Whether its status was no ledger when it was last looked at."""
    invalid_generation: int = -1
    """Generation whose problems have been reported."""
    problems: Sequence[str] = ()
    """What is wrong with it."""
    hold: Hold | None = None
    """What of it stands still since it has become invalid."""
    status_cost: float = 0.0
    """Seconds that the last write of the status took."""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the status is written: one patch of a flow at a time."""
    in_line: bool = False
    """Whether a write waits for its turn, which will say all that is decided by then."""

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
        self.hold = None
        self.waits = Waits()
        self.holds.clear()
        self.sightings.release()

    @property
    def problems_now(self) -> Sequence[str]:
        """What is wrong with the spec as it is now."""
        meta = self.record.metadata if self.record is not None else None
        return self.problems if meta and meta.generation == self.invalid_generation else ()

    @property
    def is_archived(self) -> bool:
        """Whether the recorder has marked the run that has ended."""
        if self.record is None:
            return False
        known = self.ledger if self.ledger is not None else glance_status(self.record)
        run, annotations = known.resume.run, self.record.metadata.annotations
        return annotations.get(labels.ARCHIVED) == str(run)

    def observe(
        self,
        now: Instant,
        *,
        peers: Sequence[Peer],
        window: int,
        quota: int | None = None,
        locks: Mapping[str, LockUse] | None = None,
        measured: Mapping[str, Measured] | None = None,
        archive_required: bool = False,
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
            hold=self.hold,
            resume=annotations.get(RESUME_ANNOTATION, ""),
            peers=peers,
            window=max(0, window - sightings.starting),
            quota=quota,
            locks=locks or {},
            measured=measured or {},
            archived=not archive_required or self.is_archived,
            resources_ready=self.resources_ready,
            resources_problem=self.resources_problem,
        )
