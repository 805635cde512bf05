"""One look at a Job and its pods: the counts, and whether they make an end. Pure.

Follows `syncJob` of the real controller (1.34): what a Job already decided comes first, then
failure, then success; a Job ends in two writes, an interim condition (FailureTarget,
SuccessCriteriaMet) before its pods are released and the final one (Failed, Complete) when none of
them is terminating any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from model import indexes
from model.job_pods import (
    active,
    completion_index,
    failed,
    index_failures,
    phase,
    policy,
    ready,
    terminating,
    tracked,
)
from model.storage import Object, Record

COMPLETE = "Job completed"
REACHED = "Reached expected number of succeeded pods"
FINAL = {"FailureTarget": "Failed", "SuccessCriteriaMet": "Complete"}


@dataclass(slots=True)
class View:
    """What a sync sees. `end` is the interim condition: (type, reason, message)."""

    spec: Object
    status: Object
    pods: Sequence[Record]
    active: list[Record] = field(default_factory=list)
    ready: int = 0
    terminating: int = 0
    succeeded: int = 0
    failed: int = 0
    new_succeeded: list[Record] = field(default_factory=list)
    new_failed: list[Record] = field(default_factory=list)
    succeeded_indexes: set[int] = field(default_factory=set)
    failed_indexes: set[int] = field(default_factory=set)
    end: tuple[str, str, str] | None = None

    @property
    def indexed(self) -> bool:
        return bool(self.spec["completionMode"] == "Indexed")

    @property
    def per_index(self) -> int | None:
        limit: int | None = self.spec.get("backoffLimitPerIndex")
        return limit


def condition(status: Object, kind: str) -> Object | None:
    """The condition of a kind, if it is True."""
    for one in status.get("conditions") or ():
        if one["type"] == kind and one["status"] == "True":
            return dict(one)
    return None


def finished(status: Object) -> bool:
    return any(condition(status, kind) for kind in FINAL.values())


def counts(view: View, pod: Record) -> bool:
    """Whether a failed pod counts, which podFailurePolicy may say it does not."""
    return policy(view.spec, pod)[0] != "Ignore"


def look(job: Record, pods: Sequence[Record], start_age: float | None) -> View:
    """`start_age` is how long the Job has been active, None while it is suspended."""
    spec, status = job.obj["spec"], job.obj["status"]
    view = View(spec, status, pods)
    view.active = [pod for pod in pods if active(pod)]
    view.ready = sum(ready(pod) for pod in view.active)
    view.terminating = sum(terminating(pod) for pod in pods)
    in_range = [pod for pod in pods if tracked(pod) and _in_range(view, pod)]
    view.new_succeeded = [pod for pod in in_range if phase(pod) == "Succeeded"]
    view.new_failed = [pod for pod in in_range if failed(pod, spec)]
    view.succeeded = status.get("succeeded", 0) + len(view.new_succeeded)
    view.failed = status.get("failed", 0) + sum(counts(view, pod) for pod in view.new_failed)
    if view.indexed:
        view.succeeded_indexes = indexes.parse(status.get("completedIndexes", ""))
        view.succeeded_indexes.update(completion_index(pod) for pod in view.new_succeeded)
        view.succeeded = len(view.succeeded_indexes)
        view.failed_indexes = indexes.parse(status.get("failedIndexes") or "")
        if view.per_index is not None:
            _fail_indexes(view)
    view.end = _decided(view) or _failure(view, start_age)
    return view


def _in_range(view: View, pod: Record) -> bool:
    return not view.indexed or 0 <= completion_index(pod) < view.spec["completions"]


def _fail_indexes(view: View) -> None:
    assert view.per_index is not None
    for pod in view.new_failed:
        if not counts(view, pod):
            continue
        spent = index_failures(pod) >= view.per_index
        if spent or policy(view.spec, pod)[0] == "FailIndex":
            view.failed_indexes.add(completion_index(pod))
    view.failed_indexes -= view.succeeded_indexes


def _decided(view: View) -> tuple[str, str, str] | None:
    for kind in ("SuccessCriteriaMet", "FailureTarget"):
        if found := condition(view.status, kind):
            return kind, found["reason"], found["message"]
    return None


def _failure(view: View, start_age: float | None) -> tuple[str, str, str] | None:
    spec = view.spec
    for pod in view.pods:
        if failed(pod, spec):
            action, why = policy(spec, pod)
            if action == "FailJob":
                return "FailureTarget", "PodFailurePolicy", why
    if view.failed > spec["backoffLimit"]:
        text = "Job has reached the specified backoff limit"
        return "FailureTarget", "BackoffLimitExceeded", text
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and start_age is not None and start_age >= deadline:
        text = "Job was active longer than specified deadline"
        return "FailureTarget", "DeadlineExceeded", text
    lost = len(view.failed_indexes)
    if view.per_index is not None and lost:
        most = spec.get("maxFailedIndexes")
        if most is not None and lost > most:
            text = "Job has exceeded the specified maximal number of failed indexes"
            return "FailureTarget", "MaxFailedIndexesExceeded", text
        if lost + len(view.succeeded_indexes) >= spec["completions"]:
            return "FailureTarget", "FailedIndexes", "Job has failed indexes"
    return None


def success(view: View, active_now: int) -> tuple[str, str, str] | None:
    """The end by completions, judged after pods were created and deleted."""
    wanted = view.spec.get("completions")
    enough = view.succeeded > 0 if wanted is None else view.succeeded >= wanted
    if enough and not active_now:
        return "SuccessCriteriaMet", "CompletionsReached", REACHED
    return None


def wanted_active(view: View) -> int:
    """How many pods should run now."""
    spec = view.spec
    parallelism: int = spec["parallelism"]
    completions: int | None = spec.get("completions")
    if completions is None:
        return len(view.active) if view.succeeded else parallelism
    return max(min(completions - view.succeeded, parallelism), 0)


def pending_indexes(view: View, count: int) -> list[int]:
    """The first indexes that nothing has done, is doing or has given up."""
    taken = view.succeeded_indexes | view.failed_indexes
    taken.update(completion_index(pod) for pod in view.active)
    result: list[int] = []
    for index in range(view.spec["completions"]):
        if len(result) >= count:
            break
        if index not in taken:
            result.append(index)
    return result


def with_condition(status: Object, end: tuple[str, str, str], value: str, now: str) -> Object:
    """The status with one condition set; the same one twice changes nothing."""
    kind, reason, message = end
    conditions: list[Any] = list(status.get("conditions") or ())
    for place, one in enumerate(conditions):
        if one["type"] == kind:
            if one["status"] == value:
                return status
            del conditions[place]
            break
    one = {
        "type": kind,
        "status": value,
        "lastProbeTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }
    return {**status, "conditions": [*conditions, one]}
