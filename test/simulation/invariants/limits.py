"""Limits: how much may be alive at once. Only a start can exceed one, so starts are looked at."""

from __future__ import annotations

from collections.abc import Iterable

from simulation.facts import JobFacts, Object
from simulation.invariants.invariant import Invariant


class LimitsHold(Invariant):
    """Never is more alive than the operator, the flow, the template or the array allows."""

    name = "limits-hold"

    def job_made(self, job: JobFacts) -> None:
        settings = self.scene.world.settings
        alive = [other for other in self.scene.facts.jobs.values() if other.alive]
        for flag in ("max_concurrent_jobs", "max_concurrent_jobs_per_namespace"):
            limit = settings.get(flag)
            if limit:
                self._check(f"--{flag.replace('_', '-')}", limit, alive, job)
        flow = job.flow
        mine = [other for other in alive if other.flow is flow]
        policies = [spec["executionPolicy"] for spec in flow.specs]
        self._check("parallelism of the flow", _most(policies), mine, job)
        for definition in flow.definitions(job.step)[:1]:
            self._template(definition, mine, job)
            arrays = [one.get("array") or {} for one in flow.definitions(job.step)]
            beside = [other for other in mine if other.step == job.step]
            self._check("parallelism of the array", _most(arrays), beside, job)

    def _template(self, definition: Object, mine: list[JobFacts], job: JobFacts) -> None:
        name = definition.get("templateRef")
        if name is None:
            return
        users = {s["name"] for s in job.flow.spec["steps"] if s.get("templateRef") == name}
        limits = [
            one
            for spec in job.flow.specs
            for one in spec.get("templates") or ()
            if one["name"] == name
        ]
        beside = [other for other in mine if other.step in users]
        self._check(f"parallelism of template {name}", _most(limits), beside, job)

    def _check(self, what: str, limit: int | None, alive: list[JobFacts], job: JobFacts) -> None:
        count = sum(other.alive for other in alive)
        if limit is not None and count > limit:
            names = ", ".join(other.name for other in alive)
            words = f"{what} is {limit}, and with {job.name} {count} are alive: {names}"
            self.broken(words, job.flow)


class LocksHold(Invariant):
    """Never do more hold a lock than the smallest limit that one of them states."""

    name = "locks-hold"

    def job_made(self, job: JobFacts) -> None:
        for lock in job.locks:
            holders = [
                other
                for other in self.scene.facts.jobs.values()
                if lock in other.locks and other.alive
            ]
            count = sum(other.alive for other in holders)
            limit = min(other.locks[lock] for other in holders)
            if count > limit:
                names = ", ".join(other.name for other in holders)
                self.broken(f"lock {lock} of limit {limit} is held by {names}", job.flow)


class GroupsHold(Invariant):
    """A flow of a concurrency group that forbids it does not begin while an older one runs."""

    name = "groups-hold"

    def job_made(self, job: JobFacts) -> None:
        flow = job.flow
        policy = flow.spec["executionPolicy"]
        group = policy.get("concurrencyGroup")
        if not group or policy.get("concurrencyPolicy", "Forbid") == "Allow" or flow.run > 1:
            return
        if len(flow.all_jobs) > 1:
            return  # it has begun
        for other in self.scene.facts.flows.values():
            theirs = other.spec["executionPolicy"].get("concurrencyGroup")
            # A flow that is deleted has no say any more, though its pods take their time to go.
            if other is flow or theirs != group or other.deleting or other.gone:
                continue
            if other.run > 1 or int(other.created) >= int(flow.created):
                continue
            running = [one.name for one in other.all_jobs if one.alive]
            if running:
                words = f"{job.name} begins, and {', '.join(running)} of {other.name} runs"
                self.broken(words, flow)


def _most(policies: Iterable[Object]) -> int | None:
    """The largest limit that was ever set: a change takes its time to be seen."""
    limits = [policy.get("parallelism") for policy in policies]
    known = [limit for limit in limits if limit is not None]
    return max(known) if known and len(known) == len(limits) else None
