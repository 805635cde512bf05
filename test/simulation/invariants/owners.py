"""Owners: one for each flow, always somebody, and nobody disturbed by how the others share.

These are about worlds with several operators, and hold trivially where there is one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from jobflows.cluster.tenure import MARGIN, RENEWALS, RETRIES
from jobflows.cluster.transport import Request
from jobflows.controller.shards import Shard
from jobflows.manifests import labels
from jobflows.manifests.records import FlowRecord
from model.routes import Route, route
from model.storage import Change, Record
from simulation.facts import (
    ENDED,
    JOBFLOWS,
    JOBS,
    FlowFacts,
    JobFacts,
    Object,
    is_operator,
)
from simulation.fleet import DRIFT, Fleet
from simulation.invariants.invariant import Invariant
from simulation.scene import Scene
from simulation.steps import is_wrong
from unit.controller.processes import SENT, Process

SLOW = ("calls", "events", "latency", "outages")
"""With these a replica may hear late of what has ended, or have reason to write less often."""


class OneOwner(Invariant):
    """What is written for a flow leaves the process that holds the Lease of the flow's shard.

    And it arrives while it does, unless it was on its way for longer than the margin by which a
    holder stops before others begin.
    """

    name = "one-owner"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        fleet, owners = scene.stage, scene.owners
        if isinstance(fleet, Fleet) and owners is not None:
            self._owners = owners
            self._margin = fleet.plan.lease * (MARGIN - 2 * DRIFT * scene.has("drift"))
            fleet.requests.append(self._leaves)
            fleet.server.storage.listeners.append(self._arrives)

    def _leaves(self, sender: Process, request: Request) -> None:
        if request.method == "GET":
            return
        found = route(request.path)
        if found is None or found.kind not in (JOBFLOWS, JOBS):
            return
        bucket = self._asked(found, request)
        what = f"{request.method} {found.resource} {found.name}"
        self._check(sender.name, bucket, f"{sender.name} sends {what}")

    def _arrives(self, change: Change) -> None:
        new, sender = change.new, self.scene.stage.server.caller
        if new.kind not in (JOBFLOWS, JOBS) or not is_operator(sender):
            return
        if self.scene.facts.now() - SENT.get() < self._margin:
            bucket = _bucket(new)
            if change.old is not None and bucket is not None:
                bucket = self._until_stamped(change.old, bucket)
            self._check(sender, bucket, f"{sender} changes {new.kind.plural} {new.name}")

    def _check(self, sender: str, bucket: int | None, words: str) -> None:
        if bucket is None:
            return
        shard = self._owners.shard(bucket)
        holder = self._owners.holders[shard]
        if holder != sender:
            self.broken(f"{words}, and shard {shard} is held by {holder or 'nobody'}")

    def _asked(self, found: Route, request: Request) -> int | None:
        """The bucket that a request is about; None for one that is made for an older version.

        That one has no effect. It may be about a flow that has been edited before it was stamped.
        """
        stored = self.scene.stage.server.storage.get(found.kind, found.namespace, found.name)
        body: Any = msgspec.json.decode(request.body) if request.body else None
        if found.kind is JOBS and request.method == "POST":
            return _of_job(body)
        if stored is None:
            return None
        if found.subresource:
            said = {op["path"]: op.get("value") for op in body}
            if said.get("/metadata/resourceVersion", str(stored.rv)) != str(stored.rv):
                return None
            told = (said.get("/status") or {}).get("shard")
            return self._until_stamped(stored, told) if told is not None else _bucket(stored)
        return _bucket(stored)

    def _until_stamped(self, stored: Record, told: int) -> int:
        """The bucket that decides who may write of a flow that it belongs to the bucket `told`.

        One that was edited before it was stamped may have come to another owner than its Jobs. That
        one gives it back by this one write.
        """
        flow = self.scene.facts.flows.get(stored.uid)
        made = {_of_job(job.obj) for job in flow.all_jobs} if flow is not None else set()
        if _bucket(stored) is not None or told not in made:
            return told
        record = msgspec.json.decode(msgspec.json.encode(stored.obj), type=FlowRecord)
        return Shard.of(self._owners.fleet.settings).bucket(record)


class ShardsAreOwned(Invariant):
    """As long as one replica is able to work, each shard is held by one again within a Lease + 1 s.

    That is, since a replica was lost for the last time: it may have been the one to take over. Able
    is who is not stopped, cut off, or without a server. Slow answers and late events take their
    time on top, and so do clocks that are too slow, and a call that nobody answers.
    """

    name = "shards-are-owned"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        fleet, owners = scene.stage, scene.owners
        if isinstance(fleet, Fleet) and owners is not None and not scene.has("calls", "events"):
            self._fleet, self._owners = fleet, owners
            self._free: dict[int, float] = {}
            self._ready: float | None = None
            self._able: set[int] = set()
            self._lost = 0.0
            server, lease = fleet.server, fleet.plan.lease
            trips = 6 + 2 * fleet.plan.shards
            self._patience = lease * (1.0 + 1.2 * DRIFT * scene.has("drift")) + 1.0
            if scene.has("partitions", "outages"):
                self._patience += lease * (RETRIES + RENEWALS)
            if scene.has("latency", "lag"):
                self._patience += trips * server.latency + 2 * server.watch_lag
            owners.listeners.append(self._look)

    def rested(self) -> None:
        if self.scene.owners is not None:
            self.scene.owners.tell()

    def _look(self) -> None:
        now = self.scene.facts.now()
        for shard, since in self._free.items():
            renewed = self._owners.renewed[shard]  # or it may have been on its way for long
            waited = now - max(since, self._lost, self._ready or now, renewed)
            if waited > self._patience:
                self.broken(f"nobody held shard {shard} for {waited:.1f} s, and somebody could")
                self._free[shard] = now
        able = {id(m): self._owners.since_when(m) for m in self._fleet.members if not m.stopping}
        able = {member: since for member, since in able.items() if since}
        if self._able - able.keys():
            self._lost = now
        self._able = set(able)
        self._ready = min(able.values(), default=None)
        for shard in range(self._owners.count):
            if self._owners.worker(shard) is None:
                self._free.setdefault(shard, now)
            else:
                self._free.pop(shard, None)


class NoPause(Invariant):
    """Who was never disturbed goes on, whatever becomes of others: what ends is soon on record.

    And it gives back no shard of its fair share.
    """

    name = "no-pause"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._waiting: dict[str, tuple[float, JobFacts, Process]] = {}
        self._owners = None if scene.has(*SLOW) else scene.owners
        if self._owners is not None:
            period = scene.world.settings.get("status_batch_period", 0.2)
            self._soon = 3.0 + period + 2 * scene.stage.server.watch_lag
            self._held = list(self._owners.holders)
            self._owners.listeners.append(self._changed)

    def job_over(self, job: JobFacts) -> None:
        flow, bucket, owners = job.flow, job.flow.status.get("shard"), self._owners
        if owners is None or bucket is None or job.tasks or is_wrong(flow.spec):
            return
        record = flow.record(job.step)
        if flow.phase in ENDED or (record.get("phase"), record.get("attempt")) != (
            "Running",
            job.number,
        ):
            return
        worker = owners.worker(owners.shard(bucket))
        if worker is not None and owners.undisturbed(worker):
            self._waiting.setdefault(flow.uid, (self.scene.facts.now(), job, worker))

    def status_written(self, flow: FlowFacts, old: Object, new: Object) -> None:
        if flow.uid in self._waiting:
            self._check(*self._waiting.pop(flow.uid))

    def settled(self) -> None:
        for waiting in self._waiting.values():
            self._check(*waiting)

    def _check(self, since: float, job: JobFacts, worker: Process) -> None:
        seconds = self.scene.facts.now() - since
        if seconds > self._soon and not job.flow.deleting and job.flow.gone is None:
            words = f"{job.name} was over, and {worker.name} did nothing for {seconds:.1f} s"
            self.broken(words, job.flow)

    def _changed(self) -> None:
        """Somebody can work no more, or has another shard: it need not hurry."""
        owners = self._owners
        assert owners is not None
        for uid, (since, job, worker) in list(self._waiting.items()):
            bucket = job.flow.status.get("shard", 0)
            if owners.worker(owners.shard(bucket)) is not worker:
                del self._waiting[uid]
                self._check(since, job, worker)
        for shard, before in enumerate(self._held):
            if before == owners.by and not owners.holders[shard]:
                self._given_back(shard, before)
        self._held = list(owners.holders)

    def _given_back(self, shard: int, name: str) -> None:
        owners = self._owners
        assert owners is not None
        member = owners.member(name)
        if member is None or member.stopping or not owners.since_when(member):
            return
        left, least = owners.holders.count(name), owners.count // owners.share_holders
        if left < least:
            self.broken(
                f"{name} gave shard {shard} back, and {least} of {owners.count} are its own"
            )


def _bucket(stored: Record) -> int | None:
    """The bucket of a flow or Job, if it has one already."""
    if stored.kind is JOBS:
        return _of_job(stored.obj)
    bucket = (stored.obj.get("status") or {}).get("shard")
    return None if bucket is None else int(bucket)


def _of_job(job: Object) -> int | None:
    bucket = (job["metadata"].get("labels") or {}).get(labels.SHARD)
    return None if bucket is None else int(bucket)
