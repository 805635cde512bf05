"""Ends: every flow comes to one, and it is the right one."""

from __future__ import annotations

from simulation.facts import ENDED
from simulation.invariants.invariant import Invariant
from simulation.oracle import is_certain, judge


class EveryFlowEnds(Invariant):
    """When nothing is in the way any more, every flow comes to an end."""

    name = "every-flow-ends"

    def settled(self) -> None:
        for flow in self.scene.left():
            if flow.phase not in ENDED:
                status = flow.status
                words = f"{flow.phase or 'no phase'}: {status.get('reason')}: "
                steps = {s["name"]: s["phase"] for s in status.get("steps") or ()}
                self.broken(f"{words}{status.get('message')}; {steps}", flow)


class OutcomeIsDue(Invariant):
    """Where only the spec and its pods decide, steps end and are tried as they should."""

    name = "outcome-is-due"

    def settled(self) -> None:
        world = self.scene.world
        for flow in self.scene.facts.flows.values():
            planned = self.scene.planned.get(flow.uid)
            if planned is None or not is_certain(planned, world.flows, world.features):
                continue
            due = judge(planned)
            if due.phase is not None and flow.phase != due.phase:
                self.broken(f"the flow is {flow.phase}, and {due.phase} is due", flow)
            for name, step in due.steps.items():
                record = flow.record(name)
                if step is None:
                    continue
                if record.get("phase") != step.phase:
                    words = f"step {name} is {record.get('phase')}, and {step.phase} is due"
                    self.broken(f"{words} ({record.get('reason')})", flow)
                made = sum(not job.late for job in flow.jobs.get(name, ()))
                if step.attempts is not None and made != step.attempts:
                    self.broken(f"step {name} had {made} Jobs for {step.attempts} attempts", flow)


class EndsAreExplained(Invariant):
    """The end of a flow follows from the ends of its steps, and all of them have one."""

    name = "ends-are-explained"

    def settled(self) -> None:
        for flow in self.scene.left():
            if flow.phase not in ENDED:
                continue
            if flow.status.get("reason") == "Invalid":  # what the world wrote is wrong
                self.broken(f"invalid: {flow.status.get('message')}", flow)
            failed = []
            for record in flow.status.get("steps") or ():
                name, phase = record["name"], record["phase"]
                definitions = flow.definitions(name)[:1]
                tolerated = any(one.get("continueOnFailure") for one in definitions)
                if phase == "Failed" and not tolerated:
                    failed.append(name)
                if phase not in ("Succeeded", "Failed", "Skipped"):
                    self.broken(f"the flow is {flow.phase}, and step {name} is {phase}", flow)
            if failed and flow.phase == "Succeeded" and len(flow.specs) == 1:
                self.broken(f"the flow succeeded, and {failed[0]} failed", flow)
