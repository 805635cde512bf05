"""An Indexed Job -> one batch of an array, as the engine sees it.

The Job counts its tasks itself, by index; its pods are not watched, which would cost five events a
task. Only when it says that tasks have failed are the failed pods read, to learn why; and when it
has pods of which none gets ready, some are read to see whether they ever will.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil

from jobflows.engine import Attempt, AttemptRef, AttemptState, Cause, Instant, Reason
from jobflows.engine.indexes import IndexSet
from jobflows.engine.observations import TaskFailure
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests import labels
from jobflows.manifests.causes import explain_failure, explain_stuck
from jobflows.manifests.records import JobRecord, PodRecord

PATIENCE = 10.0
"""Seconds that the pods of a Job may take to get ready before anybody looks at them."""

LOOK_AGAIN = 30.0
"""Seconds between looks at pods that do not get ready."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a task failed, as its pod tells it."""

    cause: Cause
    reason: str
    message: str
    exit_codes: Mapping[str, int] = field(default_factory=dict)


GONE = Evidence(
    Cause.DISRUPTION, Reason.LOST, "its pod was deleted before it could say why it failed"
)


def is_batch(job: JobRecord) -> bool:
    """Whether a Job runs tasks of an array."""
    return labels.TASKS in job.metadata.annotations


def failed_positions(job: JobRecord) -> IndexSet:
    """The positions in the Job of the tasks that it counts as failed."""
    return IndexSet.parse(job.status.failedIndexes or "")


def read_evidence(job: JobRecord, pods: Iterable[PodRecord]) -> dict[int, Evidence]:
    """What the failed pods of a Job say of each failed position; `GONE` where none does."""
    found: dict[int, Evidence] = {}
    for pod in sorted(pods, key=lambda pod: pod.metadata.creationTimestamp):
        owner, position = pod.metadata.owner, pod.metadata.labels.get(labels.POSITION, "")
        if owner is not None and owner.uid == job.metadata.uid and position.isdigit():
            found[int(position)] = Evidence(*explain_failure(pod))
    return {position: found.get(position, GONE) for position in failed_positions(job)}


def stands_still(job: JobRecord) -> bool:
    """Whether a Job has pods of which none has ever got ready."""
    status = job.status
    begun = status.ready or status.completedIndexes or status.failedIndexes
    return status.active > 0 and not begun and job.metadata.deletionTimestamp is None


def next_look(job: JobRecord, now: Instant) -> Instant:
    """When the pods of a Job that stands still are worth a look, from `now` on."""
    first = (parse_rfc3339(job.metadata.creationTimestamp) or now) + PATIENCE
    return first if now <= first else first + LOOK_AGAIN * ceil((now - first) / LOOK_AGAIN)


def read_stuck(job: JobRecord, pods: Iterable[PodRecord]) -> dict[int, Evidence]:
    """Why no task of a Job that stands still will ever run; empty when one may.

    All pods of a Job share a template, so what some say of image and configuration is true of all.
    """
    own = [pod for pod in pods if (owner := pod.metadata.owner) and owner.uid == job.metadata.uid]
    stuck = explain_stuck(own)
    if stuck is None:
        return {}
    return dict.fromkeys(range(job.spec.completions or 0), Evidence(*stuck))


def observe_batch(
    number: int, job: JobRecord, evidence: Mapping[int, Evidence], now: Instant
) -> Attempt:
    """Say how attempt `number` of an array stands; failures without evidence are not yet told."""
    tasks = IndexSet.parse(job.metadata.annotations[labels.TASKS])
    state, cause, reason, message = _state(job, evidence)
    return Attempt(
        number=number,
        state=state,
        ref=AttemptRef(job.metadata.name, job.metadata.uid),
        created=parse_rfc3339(job.metadata.creationTimestamp),
        cause=cause,
        reason=reason,
        message=message,
        tasks=tasks,
        succeeded=tasks.at(IndexSet.parse(job.status.completedIndexes or "")),
        failures=_failures(tasks, evidence),
        recheck_at=next_look(job, now) if stands_still(job) and not evidence else None,
    )


def _state(
    job: JobRecord, evidence: Mapping[int, Evidence]
) -> tuple[AttemptState, Cause, str, str]:
    if job.condition("Complete") or job.condition("SuccessCriteriaMet"):
        return AttemptState.SUCCEEDED, Cause.APPLICATION, "", ""
    failed = job.condition("Failed")
    if failed is not None and len(failed_positions(job)) <= len(evidence):
        late = failed.reason == "DeadlineExceeded"
        cause = Cause.TIMEOUT if late else Cause.APPLICATION
        return AttemptState.FAILED, cause, failed.reason, failed.message
    if job.metadata.deletionTimestamp is not None:
        return AttemptState.STOPPING, Cause.APPLICATION, "", "the Job is being deleted"
    words = "the Job is suspended (waits in a queue)" if job.spec.suspend else ""
    return AttemptState.RUNNING, Cause.APPLICATION, "", words


def _failures(tasks: IndexSet, evidence: Mapping[int, Evidence]) -> tuple[TaskFailure, ...]:
    """Failures of the same kind together; they are judged together."""
    kinds: dict[tuple[object, ...], list[int]] = {}
    for position, one in evidence.items():
        kind = (one.cause, one.reason, tuple(sorted(one.exit_codes.items())))
        kinds.setdefault(kind, []).append(position)
    failures = []
    for positions in kinds.values():
        first = evidence[min(positions)]
        failures.append(
            TaskFailure(
                tasks=tasks.at(IndexSet.of(positions)),
                cause=first.cause,
                reason=first.reason,
                message=first.message,
                exit_codes=first.exit_codes,
            )
        )
    return tuple(failures)
