"""Cleaning: nothing is left over, nothing runs on, and nothing goes too early."""

from __future__ import annotations

from jobflows.manifests import labels
from model import kind_of
from simulation.facts import ENDED, JobFacts, is_operator
from simulation.invariants.invariant import Invariant

OWNED = ("jobs", "pods", "configmaps", "persistentvolumeclaims")
GONE_BY = 1.0
"""Seconds after which all that belonged to a flow has followed it: the garbage collector takes a
tenth of one, and a time to live may end just before somebody looks."""


class NothingOrphaned(Invariant):
    """Nothing that a flow brought about outlives it, but for the moment that the cluster takes."""

    name = "nothing-orphaned"

    def settled(self) -> None:
        self._look()

    def rested(self) -> None:
        self._look()

    def ended(self) -> None:
        self._look()

    def _look(self) -> None:
        server = self.scene.stage.server
        facts = self.scene.facts
        late = facts.now() - GONE_BY
        flows = facts.flows.values()
        living = {flow.uid for flow in flows if flow.gone is None or flow.gone > late}
        jobs = {job["metadata"]["uid"] for job in server.objects(kind_of("jobs"))}
        for kind in OWNED:
            for found in server.objects(kind_of(kind)):
                meta = found["metadata"]
                mark = (meta.get("labels") or {}).get(labels.FLOW_UID)
                owners = {one["uid"] for one in meta.get("ownerReferences") or ()}
                if mark is not None and mark not in living:
                    self.broken(f"{kind} {meta['name']} has outlived its flow")
                elif not owners & (living | jobs):
                    self.broken(f"{kind} {meta['name']} belongs to nobody")


class NothingRunsOn(Invariant):
    """When a flow has ended, no pod of it goes on for long."""

    name = "nothing-runs-on"

    def settled(self) -> None:
        for flow in self.scene.left():
            if flow.phase not in ENDED:
                continue
            for job in flow.all_jobs:
                alive = [pod.name for pod in job.pods.values() if not pod.over]
                if alive:
                    self.broken(f"the flow is {flow.phase}, and {', '.join(alive)} runs on", flow)


class OutcomesBeforeDeletion(Invariant):
    """No Job is deleted, by the operator or by itself, before what became of it is on record."""

    name = "outcomes-before-deletion"

    def job_deleted(self, job: JobFacts) -> None:
        flow = job.flow
        if flow.deleting or flow.gone is not None:
            return
        if job.deleted_by == "" and job.over:
            self.broken(f"{job.name} was deleted by a time to live of its own", flow)
        if not is_operator(job.deleted_by):
            return
        record = flow.record(job.step)
        if not record or record["phase"] in ("Succeeded", "Failed", "Skipped"):
            return
        known = {failure["attempt"] for failure in record.get("failures") or ()}
        if job.number in known or record.get("attempt", 0) > job.number or job.tasks:
            return
        if flow.run > job.run or (flow.run > 1 and record["phase"] == "Pending"):
            return  # a resume has taken it back
        self.broken(f"{job.name} was deleted, and its step is {record['phase']} on record", flow)
