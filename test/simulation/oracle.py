"""What must become of a flow whose outcome depends on nothing but its spec and its pods.

It knows nothing of the engine: it reads the plan of a world, not the code under test. Where timing
or people decide, it says None, and all below is None, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulation.features import UNCERTAIN, Features
from simulation.flows import PlannedFlow
from simulation.script import BAD, EVICT, FAIL, HANG, IMAGE, OK, OOM, Script, ending
from simulation.steps import START_MEMORY, Budget, Planned

CAUSES = {FAIL: "app", BAD: "app", HANG: "timeout", EVICT: "losses", OOM: "memory"}


@dataclass(frozen=True, slots=True)
class Due:
    """The phase of a step, and how many attempts it takes; None for an array, which has others."""

    phase: str
    attempts: int | None = 0
    by_when: bool = False
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class DueFlow:
    """The phase of a flow, and what is due of its steps; None where nobody can know."""

    phase: str | None
    steps: Mapping[str, Due | None]


def is_certain(flow: PlannedFlow, flows: Sequence[PlannedFlow], features: Features) -> bool:
    """Whether the outcome of this flow is known from the start."""
    policy = flow.policy
    if features & UNCERTAIN:
        return False
    group = policy.get("concurrencyGroup")
    others = [other.policy for other in flows if other is not flow]
    return not group or not any(
        other.get("concurrencyGroup") == group and other["concurrencyPolicy"] == "Replace"
        for other in others
    )


def judge(flow: PlannedFlow) -> DueFlow:
    """What is due of every step, and so of the flow."""
    rules = flow.policy.get("podFailurePolicy", {}).get("rules", ())
    rule = rules[0]["action"] if rules else ""
    due: dict[str, Due | None] = {}
    planned = {step.name: step for step in flow.all_steps}
    for step in flow.all_steps:
        due[step.name] = _step(step, planned, due, rule)
    return DueFlow(_phase(flow, due), due)


def _phase(flow: PlannedFlow, due: Mapping[str, Due | None]) -> str | None:
    found = [(due[step.name], step.tolerated) for step in flow.all_steps]
    if any(one is not None and one.phase == "Failed" and not may for one, may in found):
        return "Failed"
    if any(one is None for one, _ in found):
        return None
    return "Succeeded"


def _step(
    step: Planned, planned: Mapping[str, Planned], due: Mapping[str, Due | None], rule: str
) -> Due | None:
    parents = {name: due[name] for name in step.parents}
    if step.by_index and any(p is None or p.phase != "Succeeded" for p in parents.values()):
        return None  # some tasks may run all the same
    if any(p is not None and _blocks(planned[name], p) for name, p in parents.items()):
        return Due("Skipped")
    if any(p is None for p in parents.values()):
        return None
    if step.when is not None and not _wanted(step, due):
        return Due("Skipped", by_when=True)
    if step.kind == "manual":
        return Due("Succeeded" if step.answer else "Failed")
    spoken = due.get(step.takes) if step.takes else None
    if spoken is not None and spoken.ignored:
        return Due("Failed")
    if step.kind == "job":
        return fate(step.script, step.script.endings, step.budget, rule)
    fates = [
        fate(step.script, step.script.of_task(task), step.budget, rule)
        for task in range(step.tasks)
    ]
    failed = any(one.phase == "Failed" for one in fates)
    return Due("Failed" if failed else "Succeeded", None)


def _blocks(parent: Planned, due: Due) -> bool:
    if due.phase == "Skipped":
        return not due.by_when
    return due.phase == "Failed" and not parent.tolerated


def _wanted(step: Planned, due: Mapping[str, Due | None]) -> bool:
    when = step.when
    assert when is not None
    if when.plain:
        return when.plain == "always"
    found = due[when.on]
    assert found is not None
    return (found.phase == when.phase) != when.negated


def fate(script: Script, endings: tuple[str, ...], budget: Budget, rule: str) -> Due:
    """How the attempts of a step, or of one task, end."""
    spent = {"app": 0, "memory": 0, "timeout": 0, "losses": 0}
    number = 0
    while True:
        number += 1
        memory = START_MEMORY * 2 ** spent["memory"]
        how = OOM if script.needs > memory else ending(endings, number)
        if how == OK:
            return Due("Succeeded", number)
        if how == IMAGE:
            return Due("Failed", number)
        if how == BAD and rule == "FailJob":
            return Due("Failed", number)
        if how == BAD and rule in ("Ignore", "Count"):
            return Due("Succeeded", number, ignored=True)
        cause = CAUSES[how]
        if spent[cause] >= budget.of(cause):
            return Due("Failed", number)
        spent[cause] += 1
