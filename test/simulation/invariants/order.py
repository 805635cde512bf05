"""Order: what comes before what, and what is handed on."""

from __future__ import annotations

from simulation.facts import FlowFacts, JobFacts, Object
from simulation.invariants.invariant import Invariant

GOOD = {"Succeeded"}


class DependenciesFirst(Invariant):
    """No step starts before what it depends on allows it, no task before the one it follows."""

    name = "dependencies-first"

    def job_made(self, job: JobFacts) -> None:
        flow = job.flow
        if flow.is_handler(job.step) and not flow.status.get("outcome"):
            self.broken(f"{job.name} was made before the steps were over", flow)
        missing: list[str] = []
        for definition in flow.definitions(job.step):
            missing = [
                parent
                for parent in definition.get("dependencies") or ()
                if not self._is_done(job, parent, definition)
            ]
            if not missing:
                return
        if missing:
            self.broken(f"{job.name} was made before {', '.join(missing)} was done", flow)

    def _is_done(self, job: JobFacts, parent: str, definition: Object) -> bool:
        """By the record, or by what its pods did, which is known before it is on record."""
        flow, record = job.flow, job.flow.record(parent)
        definitions = flow.definitions(parent)
        tolerated = any(one.get("continueOnFailure") for one in definitions)
        match record.get("phase"):
            case "Succeeded":
                return True
            case "Failed" if tolerated:
                return True
            case "Skipped" if record.get("reason") == "WhenFalse":
                return True
        if any(one.get("type") == "Manual" for one in definitions):
            said = {answer for step, answer in flow.answers if step == parent}
            return "true" in said or (tolerated and bool(said))
        if any(one.get("when") for one in definitions) and not flow.jobs.get(parent):
            return True  # nothing is written of a skip before its status is
        return self._by_pods(job, parent, definition, tolerated)

    def _by_pods(self, job: JobFacts, parent: str, definition: Object, tolerated: bool) -> bool:
        flow = job.flow
        ever = [j for j in flow.jobs.get(parent, ()) if not j.late]
        jobs = [j for j in ever if j.run == job.run] or ever
        ignores = bool(flow.spec["executionPolicy"].get("podFailurePolicy"))
        enough = tolerated or ignores
        if tolerated and any(one.get("timeoutSeconds") for one in flow.definitions(parent)):
            return True  # a step that ran too long has failed before its pod has
        if tolerated and ignores and any(one.get("inputs") for one in flow.definitions(parent)):
            return True  # what it takes in may be the word of a failure that was ignored
        tasks = flow.record(parent).get("tasks") or {}
        array, total = definition.get("array") or {}, tasks.get("total", _size(flow, parent))
        by_index = array.get("dependencyMode") == "Index" and array.get("count") == total
        if tasks.get("total") == 0 or _size(flow, parent) == 0:
            return True
        if any(j.tasks for j in jobs):
            done = {
                pod.task
                for j in jobs
                for pod in j.pods.values()
                if pod.phase == "Succeeded"
                or (enough and pod.phase == "Failed")
                or (tolerated and pod.stuck)  # what can never run has failed before it is stopped
            }
            wanted = set(job.tasks) if by_index else {t for j in jobs for t in j.tasks}
            kept = bool(tasks.get("succeeded"))  # of a run before this one
            return wanted <= done or (kept and flow.run > 1)
        newest = jobs[-1:]
        return any(j.succeeded or (enough and j.failed) or (tolerated and j.stuck) for j in newest)


class ValuesArrive(Invariant):
    """What a step takes in is what the last attempt of the other step said."""

    name = "values-arrive"

    def job_made(self, job: JobFacts) -> None:
        env = job.obj["spec"]["template"]["spec"]["containers"][0].get("env") or ()
        got = next((v.get("value") for v in env if v["name"] == "BY"), None)
        if got is None:
            return
        step, _, number = str(got).rpartition("-")
        spoke = [j for j in job.flow.jobs.get(step, ()) if j.succeeded and not j.late]
        known = [j.number for j in spoke]
        if number != str(max(known, default=0)):
            self.broken(f"{job.name} takes {got!r}, which is not the last word", job.flow)


def _size(flow: FlowFacts, step: str) -> int | None:
    sizes = [(one.get("array") or {}).get("count") for one in flow.definitions(step)]
    return sizes[0] if sizes else None
