"""People: what they say is done, and what they did not say is not."""

from __future__ import annotations

from simulation.facts import ENDED, JobFacts
from simulation.invariants.invariant import Invariant

SOON = 2.0
"""Seconds after which an operator that nothing keeps from it has done what it was told."""
HEALED = 90.0
"""The same after trouble: a flow may be held, and a call may wait for its next try."""


class StopsObeyed(Invariant):
    """A flow that is told to stop starts no step any more; told to terminate, no exit handler."""

    name = "stops-obeyed"

    def job_made(self, job: JobFacts) -> None:
        flow, asked = job.flow, job.flow.stopped
        if asked is None or (flow.stop_mode == "stop" and flow.is_handler(job.step)):
            return
        since = asked + SOON if self.scene.world.calm else None
        if self.scene.healed is not None:
            since = max(asked, self.scene.healed) + HEALED
        if since is not None and job.sent > since:
            self.broken(
                f"{job.name} was made {job.sent - asked:.1f} s after {flow.stop_mode}", flow
            )

    def settled(self) -> None:
        for flow in self.scene.left():
            if flow.stopped is not None and flow.phase not in ENDED:
                self.broken(f"told to {flow.stop_mode}, and it is {flow.phase}", flow)


class ApprovalsNeeded(Invariant):
    """A Manual step is done as a person said, and not before anybody said anything."""

    name = "approvals-needed"

    def settled(self) -> None:
        for flow in self.scene.facts.flows.values():
            for record in flow.status.get("steps") or ():
                name, reason = record["name"], record.get("reason")
                definitions = flow.definitions(name)
                if not any(one.get("type") == "Manual" for one in definitions):
                    continue
                said = {answer for step, answer in flow.answers if step == name}
                if record["phase"] == "Succeeded" and reason == "Approved" and "true" not in said:
                    self.broken(f"step {name} is approved, and nobody did", flow)
                if reason == "ApprovalDenied" and "false" not in said:
                    self.broken(f"step {name} is denied, and nobody did", flow)


class SuspensionObeyed(Invariant):
    """A flow that is suspended starts no step."""

    name = "suspension-obeyed"

    def job_made(self, job: JobFacts) -> None:
        flow = job.flow
        if flow.held is None or flow.is_handler(job.step):
            return
        since = flow.told_held
        if self.scene.world.calm:
            since = min(since or flow.held + SOON, flow.held + SOON)
        if since is not None and job.sent > since:
            self.broken(f"{job.name} was made while it was suspended", flow)
