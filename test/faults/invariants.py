"""What must hold of a run, whatever went wrong in it: one small function for each.

They look at the API server's audit log and at what is left in the end, and at nothing that the
operator says of itself but the status, which is checked against the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from faults.audit import OPERATOR, Entry
from faults.mixture import Mixture

Object = dict[str, Any]

OVER = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of a run when it is over."""

    mixture: Mixture
    flows: Mapping[str, Object]
    """The flows as they were last seen."""
    gone: frozenset[str]
    """Those of them that are deleted."""
    jobs: tuple[Object, ...]
    made: Mapping[str, frozenset[str]]
    """Names of ConfigMaps and claims."""
    calls: tuple[Entry, ...]
    exit_code: int = 0
    complaints: tuple[str, ...] = ()
    whole_log: bool = True
    """False when the server was killed, which takes the last words of its log along."""

    def born(self) -> Iterator[tuple[str, str]]:
        """Name and moment of each Job that the operator has made."""
        for call in self.calls:
            if call.user.username == OPERATOR and call.what == "create jobs" and call.done:
                yield call.of.name, call.received

    def pods(self) -> Iterator[tuple[str, str, str]]:
        """Name, phase and moment of what nodes said of pods."""
        for call in self.calls:
            if call.of.resource == "pods" and call.of.subresource == "status" and call.done:
                yield call.of.name, call.phase(), call.received


Invariant = Callable[[Outcome], Iterator[str]]


def none_twice(outcome: Outcome) -> Iterator[str]:
    """No attempt has two Jobs, or more pods than tasks; and there are none that are not due."""
    pods_due = {due.job: due.pods for due in outcome.mixture.due}
    for name, times in Counter(name for name, _ in outcome.born()).items():
        if name not in pods_due:
            yield f"Job {name} was made, and is not due"
        elif times > 1:
            yield f"Job {name} was made {times} times"
    pods = {name for name, _, _ in outcome.pods()}
    for name, due in pods_due.items():
        ran = sum(_is_of(pod, name) for pod in pods)
        if ran > due:
            yield f"Job {name} had {ran} pods, {due} are due"


def none_skipped(outcome: Outcome) -> Iterator[str]:
    """Each attempt that is due was made, and its pods ran."""
    if not outcome.whole_log:
        return
    made = {name for name, _ in outcome.born()}
    pods = {name for name, _, _ in outcome.pods()}
    for due in outcome.mixture.due:
        if due.job not in made:
            yield f"Job {due.job} was never made"
        elif due.runs and sum(_is_of(pod, due.job) for pod in pods) < due.pods:
            yield f"a pod of Job {due.job} never ran"


def none_early(outcome: Outcome) -> Iterator[str]:
    """No attempt began before what it waits for had ended."""
    ends: dict[str, str] = {}
    for name, phase, moment in outcome.pods():
        if phase in OVER:
            for due in outcome.mixture.due:
                if _is_of(name, due.job):
                    ends.setdefault(due.job, moment)
    for call in outcome.calls:
        if call.what == "delete jobs" and call.done:
            ends[call.of.name] = min(call.received, ends.get(call.of.name, call.received))
    born = dict(reversed(list(outcome.born())))
    for due in outcome.mixture.due:
        for before in due.after:
            if due.job not in born or (before not in ends and not outcome.whole_log):
                continue
            if before not in ends or born[due.job] < ends[before]:
                end = ends.get(before, "never")
                yield f"Job {due.job} began at {born[due.job]}, {before} ended at {end}"


def all_end(outcome: Outcome) -> Iterator[str]:
    """Each flow is over, in the right phase, and says why each step is as it is."""
    for name, phase in outcome.mixture.phases.items():
        status = outcome.flows.get(name, {}).get("status", {})
        if status.get("phase") != phase:
            yield f"flow {name} is {status.get('phase', 'without a status')}, {phase} is due"


def status_is_true(outcome: Outcome) -> Iterator[str]:
    """Phases of steps, numbers of attempts and progress agree with what has run."""
    for name, steps in outcome.mixture.steps.items():
        status = outcome.flows.get(name, {}).get("status", {})
        found = {record["name"]: record for record in status.get("steps", ())}
        said = {step: record["phase"] for step, record in found.items()}
        if said != steps:
            yield f"flow {name} says of its steps {said}, {dict(steps)} is due"
            continue
        for step, record in found.items():
            if "lostCount" in record and not outcome.mixture.lost:
                yield f"{name}/{step}: an attempt was taken for lost"
        progress = status.get("progress", {})
        if not progress.get("completedSteps") == progress.get("totalSteps") == len(steps):
            yield f"flow {name} is over and says {progress}"


def none_orphaned(outcome: Outcome) -> Iterator[str]:
    """What is left belongs to a flow that is there, nothing runs, and all else is gone."""
    owners = {flow["metadata"]["uid"] for n, flow in outcome.flows.items() if n not in outcome.gone}
    left = set()
    for job in outcome.jobs:
        meta, status = job["metadata"], job.get("status", {})
        left.add(meta["name"])
        if not owners & {owner["uid"] for owner in meta.get("ownerReferences", ())}:
            yield f"Job {meta['name']} has no owner"
        if status.get("active"):
            yield f"Job {meta['name']} still runs"
    due = outcome.mixture.left
    if left != due:
        yield f"Jobs left over: {sorted(left - due)}, missing: {sorted(due - left)}"
    if outcome.gone != outcome.mixture.gone:
        yield f"flows gone: {sorted(outcome.gone)}, due is {sorted(outcome.mixture.gone)}"
    for kind, names in outcome.made.items():
        expected = outcome.mixture.made.get(kind, frozenset())
        if names != expected:
            yield f"{kind}: {sorted(names)}, {sorted(expected)} is due"


def ends_well(outcome: Outcome) -> Iterator[str]:
    """The operator that is left ends with 0 when told to, and none has logged an error."""
    if outcome.exit_code:
        yield f"exit code {outcome.exit_code} after SIGTERM"
    for line in outcome.complaints[:3]:
        yield f"in the log: {line[:300]}"


INVARIANTS: dict[str, Invariant] = {
    "none twice": none_twice,
    "none skipped": none_skipped,
    "none early": none_early,
    "all end": all_end,
    "none orphaned": none_orphaned,
    "status true": status_is_true,
    "ends well": ends_well,
}


def breaches(outcome: Outcome) -> list[str]:
    """What does not hold, as `invariant: what`."""
    return [f"{name}: {what}" for name, check in INVARIANTS.items() for what in check(outcome)]


def _is_of(pod: str, job: str) -> bool:
    """Whether a pod is of a Job, by its name: `job-x7k2p`, or `job-3-x7k2p` of a task."""
    rest = pod.removeprefix(f"{job}-")
    return rest != pod and rest.count("-") <= 1 and (rest.count("-") == 0 or rest[0].isdigit())
