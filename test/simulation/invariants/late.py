"""Late Jobs: made when their step had ended on record.

Those that were sent before that nobody can prevent, so other rules pass over them. This is what
holds of them instead, and of all others, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulation.facts import FlowFacts, JobFacts, Object
from simulation.invariants.invariant import Invariant
from simulation.scene import Scene
from unit.controller.process import Life
from unit.controller.processes import Process

SOON = 1.0
"""Seconds in which an operator that nothing keeps from it has stopped what it can see."""
HEALED = 90.0
"""The same after calls or events have been failing: each may have to wait for its next try."""
FAILING = ("calls", "events", "outages")
SLOW_TRIPS = 8
"""Calls in a row until a Job is stopped, by an operator that has just taken over."""


@dataclass(slots=True)
class _Late:
    """A late Job, what was on record of its step, and who could have stopped it since when."""

    job: JobFacts
    record: Object
    owner: Process | Life | None
    since: float


class LateJobsGo(Invariant):
    """What comes late is told to go as soon as its owner can see it, and changes no record."""

    name = "late-jobs-go"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        server = scene.stage.server
        self._late: dict[str, _Late] = {}
        self._patience = SOON + SLOW_TRIPS * server.latency + 2 * server.watch_lag
        if scene.has(*FAILING):
            self._patience = HEALED
        if scene.owners is not None:
            scene.owners.listeners.append(self._look)

    def job_made(self, job: JobFacts) -> None:
        if job.needless:
            record = job.flow.record(job.step)
            late = self._late[job.uid] = _Late(job, record, None, 0.0)
            self._meet(late)

    def job_over(self, job: JobFacts) -> None:
        self._end(job)

    def job_deleted(self, job: JobFacts) -> None:
        self._end(job)

    def settled(self) -> None:
        for late in self._late.values():
            self._check(late)

    def status_written(self, flow: FlowFacts, old: Object, new: Object) -> None:
        run = (new.get("resume") or {}).get("run", 1)
        for job in flow.all_jobs:
            if job.needless and job.run == run:
                before = next((s for s in old.get("steps") or () if s["name"] == job.step), None)
                after = next((s for s in new.get("steps") or () if s["name"] == job.step), None)
                if before and after and _said(before) != _said(after):
                    self.broken(f"{job.name} came late, and step {job.step} is another", flow)

    def _look(self) -> None:
        """Who holds a shard, or is able to work, has changed."""
        for late in self._late.values():
            if self._owner(late.job) is not late.owner:
                self._check(late)
                self._meet(late)

    def _meet(self, late: _Late) -> None:
        late.owner, late.since = self._owner(late.job), self.scene.facts.now()

    def _end(self, job: JobFacts) -> None:
        late = self._late.pop(job.uid, None)
        if late is not None:
            self._check(late)

    def _check(self, late: _Late) -> None:
        job, since = late.job, late.since
        if self.scene.has(*FAILING):
            since = max(since, self.scene.healed or self.scene.facts.now())
        waited = self.scene.facts.now() - since
        if late.owner is not None and waited > self._patience and not job.flow.deleting:
            self.broken(f"{job.name} came late, and went on for {waited:.1f} s", job.flow)

    def _owner(self, job: JobFacts) -> Process | Life | None:
        """Who can see it, and do something about it."""
        owners = self.scene.owners
        if owners is not None:
            return owners.worker(owners.shard(job.flow.status.get("shard", 0)))
        life = self.scene.stage.life
        return None if life.line.dead or life.task.done() else life


def _said(step: Object) -> Object:
    """What is on record of a step, but for what an edit says of it."""
    return {key: value for key, value in step.items() if key != "outdated"}
