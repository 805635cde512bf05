"""The ledger: the status says what was, in few words."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import msgspec

from jobflows.engine.times import parse_rfc3339
from simulation.facts import ENDED, FlowFacts, JobFacts, Object, is_operator
from simulation.invariants.invariant import Invariant

HEAD_BYTES = 2500
STEP_BYTES = 1500


class StatusAgrees(Invariant):
    """The status has the steps of the spec, and the attempts, ends and sums that there were."""

    name = "status-agrees"

    def settled(self) -> None:
        for flow in self.scene.left():
            if flow.phase in ENDED:
                self._names(flow)
                self._sums(flow)
                for record in flow.status.get("steps") or ():
                    self._step(flow, record)

    def _names(self, flow: FlowFacts) -> None:
        status, spec = flow.status, flow.spec
        wanted = [one["name"] for one in (*spec["steps"], *(spec.get("onExit") or ()))]
        told = [one["name"] for one in status.get("steps") or ()]
        if told != wanted:
            self.broken(f"the status has steps {told}, and the spec {wanted}", flow)
        if status.get("observedGeneration") != flow.obj["metadata"]["generation"]:
            self.broken("the status is of another generation", flow)
        began = parse_rfc3339(status.get("startTime"))
        ended = parse_rfc3339(status.get("completionTime"))
        if ended is None or (began is not None and began > ended and not self.scene.has("clock")):
            self.broken(f"it began at {began} and ended at {ended}", flow)

    def _sums(self, flow: FlowFacts) -> None:
        progress, steps = flow.status.get("progress") or {}, flow.status.get("steps") or ()
        counts = Counter(one["phase"] for one in steps)
        told = (
            progress.get("totalSteps"),
            progress.get("successfulSteps"),
            progress.get("failedSteps"),
            progress.get("skippedSteps"),
        )
        true = (len(steps), counts["Succeeded"], counts["Failed"], counts["Skipped"])
        if told != true:
            self.broken(f"progress says {told}, and the steps {true}", flow)

    def _step(self, flow: FlowFacts, record: Object) -> None:
        name, attempt = record["name"], record.get("attempt", 0)
        jobs = [job for job in flow.jobs.get(name, ()) if not job.late or job.number == attempt]
        numbers = {job.number for job in jobs}
        if any(_twice(one, other) for one, other in pairwise(sorted(jobs, key=_by_number))):
            self.broken(f"step {name} has two Jobs of one attempt", flow)
        # One that was asked for when its flow was ended may come to be all the same.
        late = record["phase"] == "Skipped" and attempt == 0
        if numbers and not record.get("tasks") and not late and max(numbers) != attempt:
            words = f"step {name} had attempts {sorted(numbers)}, and {attempt} are on record"
            self.broken(words, flow)
        if record["phase"] != "Succeeded" or record.get("tasks") or not _runs_one(flow, name):
            return
        if record.get("reason") in ("MarkedSucceeded", "FailureIgnored", "Approved"):
            return
        if not any(job.number == attempt and job.succeeded for job in jobs):
            self.broken(f"step {name} is Succeeded, and attempt {attempt} did not", flow)


def _by_number(job: JobFacts) -> tuple[int, float]:
    return job.number, job.made


def _twice(first: JobFacts, second: JobFacts) -> bool:
    """Whether two Jobs were made for one attempt.

    One that somebody else took away before it was on record has left no trace; and a request that
    is tried again, because its answer was lost, may be on its way when the Job is done and gone.
    """
    if first.number != second.number or (first.deleting and second.sent < first.deleted):
        return False
    return first.deleted_by == "" or is_operator(first.deleted_by)


def _runs_one(flow: FlowFacts, step: str) -> bool:
    """Whether a step is no array: one of no tasks succeeds without an attempt."""
    return not any("array" in one or "map" in one for one in flow.definitions(step))


class StatusSmall(Invariant):
    """The status of a flow stays small, whatever happens to it."""

    name = "status-small"

    def status_written(self, flow: FlowFacts, old: Object, new: Object) -> None:
        steps = new.get("steps") or ()
        most = HEAD_BYTES + STEP_BYTES * len(steps)
        size = len(msgspec.json.encode(new))
        if size > most:
            self.broken(f"the status of {len(steps)} steps has {size} bytes", flow)
