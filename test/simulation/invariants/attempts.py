"""Attempts: one at a time, none too many, and none of what is done."""

from __future__ import annotations

from simulation.facts import FlowFacts, JobFacts, Object
from simulation.invariants.invariant import Invariant

LIMITS = {"app": ("limit",), "memory": ("onOutOfMemory", "limit")}


class NothingFinishedRunsAgain(Invariant):
    """No step, and no task of an array, starts once it is done, unless a resume asks for it."""

    name = "nothing-finished-runs-again"

    def job_made(self, job: JobFacts) -> None:
        if job.late:
            return
        flow, since = job.flow, job.flow.terminal.get(job.step)
        if since is not None and job.sent > since:
            phase = flow.record(job.step).get("phase")
            self.broken(f"{job.name} was made, and {job.step} is {phase} on record", flow)
        for before in flow.jobs[job.step]:
            if before is job or before.run != job.run:
                continue
            if not job.tasks and before.succeeded and not before.deleting:
                self.broken(f"{job.name} was made, and {before.name} had succeeded", flow)
            done = {pod.task for pod in before.pods.values() if pod.phase == "Succeeded"}
            again = [task for task in job.tasks if task in done]
            if again and not before.deleting:
                self.broken(f"{job.name} repeats tasks {again} of {before.name}", flow)


class OneLiveJob(Invariant):
    """A step has at most one live attempt, and a task of an array is in at most one."""

    name = "one-live-job"

    def job_made(self, job: JobFacts) -> None:
        for other in job.flow.jobs[job.step]:
            if other is job or job.late or not other.alive:
                continue
            if not job.tasks:
                self.broken(f"{job.name} was made beside {other.name}", job.flow)
                continue
            done = {pod.task for pod in other.pods.values() if pod.over}
            both = [task for task in job.tasks if task in other.tasks and task not in done]
            if both:
                self.broken(f"tasks {both} are in {other.name} and in {job.name}", job.flow)


class BudgetsKept(Invariant):
    """No step has more attempts than its retries of each cause, no flow more than backoffLimit."""

    name = "budgets-kept"

    def job_made(self, job: JobFacts) -> None:
        if job.tasks or job.number == 1 or job.late:
            return
        flow = job.flow
        policies = [one.get("retryPolicy") or {} for one in flow.definitions(job.step)]
        mine = [j for j in flow.jobs[job.step] if j.run == job.run and not j.late]
        before = [j for j in mine if j is not job]
        for cause, path in LIMITS.items():
            spent = sum(not j.deleting and j.cause == cause for j in before)
            limit = max((_limit(policy, path) for policy in policies), default=0)
            if spent > limit:
                words = f"{job.name} follows {spent} failures ({cause}), and {limit} are allowed"
                self.broken(words, flow)
        if not flow.is_handler(job.step):
            self._of_the_flow(job)

    def _of_the_flow(self, job: JobFacts) -> None:
        flow = job.flow
        limit = max(spec["executionPolicy"].get("backoffLimit", 6) for spec in flow.specs)
        retries = 0
        for step, jobs in flow.jobs.items():
            if flow.is_handler(step) or any(j.tasks for j in jobs):
                continue
            mine = [j for j in jobs if j.run == job.run and not j.late]
            failed = [j for j in mine if not j.deleting and j.cause in LIMITS]
            retries += sum(any(k.number > j.number for k in mine) for j in failed)
        if retries > limit:
            words = f"{job.name} is retry {retries} of the flow, and {limit} are allowed"
            self.broken(words, flow)


class TerminalStays(Invariant):
    """What is final on record stays what it is until a resume, and attempts only grow."""

    name = "terminal-stays"

    def status_written(self, flow: FlowFacts, old: Object, new: Object) -> None:
        if (old.get("resume") or {}).get("run", 1) == (new.get("resume") or {}).get("run", 1):
            before, after = old.get("phase"), new.get("phase")
            mended = old.get("reason") == "Invalid"  # it had never begun
            if not mended and before in ("Succeeded", "Failed") and after != before:
                self.broken(f"the flow was {before}, and is {after}", flow)
            self._steps(flow, old, new)
        numbers = {s["name"]: s.get("attempt", 0) for s in new.get("steps") or ()}
        for step in old.get("steps") or ():
            if numbers.get(step["name"], 1 << 30) < step.get("attempt", 0):
                self.broken(f"step {step['name']} has fewer attempts than before", flow)

    def _steps(self, flow: FlowFacts, old: Object, new: Object) -> None:
        phases = {s["name"]: s.get("phase") for s in new.get("steps") or ()}
        for step in old.get("steps") or ():
            name, phase = step["name"], step.get("phase")
            if phase in ("Succeeded", "Failed", "Skipped") and phases.get(name, phase) != phase:
                self.broken(f"step {name} was {phase}, and is {phases[name]}", flow)


def _limit(policy: Object, path: tuple[str, ...]) -> int:
    """What a policy allows for one cause; the step's own `limit` where it says nothing of it."""
    general = int(policy.get("limit", 3 if policy else 0))
    found: Object | int | None = policy
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return general if not isinstance(found, int) else found
