"""Calls: as many as there is to say, and none when there is nothing to say."""

from __future__ import annotations

from model import RequestLine
from simulation.facts import is_operator
from simulation.invariants.invariant import Invariant

READS = ("get", "list", "watch")


def written(line: RequestLine) -> bool:
    """Whether a call is a write of an operator, and not of a Lease: those are renewed for ever."""
    return (
        is_operator(line.client)
        and line.verb not in READS
        and line.resource != "leases"
        and line.status > 0
    )


class WritesBounded(Invariant):
    """The operator's writes follow what happened: Jobs, steps, what people did, and faults."""

    name = "writes-bounded"

    def settled(self) -> None:
        scene = self.scene
        writes = sum(map(written, scene.stage.server.requests))
        events = sum(r.resource == "events" for r in scene.stage.server.requests)
        flows = scene.facts.flows.values()
        jobs = len(scene.facts.jobs)
        pods = sum(len(job.pods) for job in scene.facts.jobs.values())
        steps = sum(len(spec["steps"]) for flow in flows for spec in flow.specs)
        trouble = scene.troubles.line.count + sum(scene.troubles.count.values())
        most = 20 + 12 * len(flows) + 4 * steps + 6 * jobs + 3 * pods + 6 * trouble
        if writes - events > most:
            words = f"{writes - events} writes for {jobs} Jobs of {steps} steps, {trouble} troubles"
            self.broken(f"{words}: more than {most}")


class QuietAtRest(Invariant):
    """When nothing changes, nothing is written."""

    name = "quiet-at-rest"
    _writes = 0

    def settled(self) -> None:
        self._writes = sum(map(written, self.scene.stage.server.requests))

    def rested(self) -> None:
        server = self.scene.stage.server
        last = [line for line in server.requests if written(line)][self._writes :]
        if last and not self.scene.has("ttl"):  # which has something to delete now and then
            words = ", ".join(f"{r.verb} {r.resource} {r.name}" for r in last[-3:])
            self.broken(f"{len(last)} writes while all is at rest: {words}")


class NoErrors(Invariant):
    """The operator logs no error: an error is a bug, whatever the world does to it."""

    name = "no-errors"

    def rested(self) -> None:
        for bug in self.scene.stage.bugs[:3]:
            self.broken(bug)
