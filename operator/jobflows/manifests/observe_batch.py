"""An Indexed Job -> one batch of an array, as the engine sees it.

The Job counts its tasks itself, by index; its pods are not watched, which would cost five events a
task. Only when it says that tasks have failed are the failed pods read, to learn why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jobflows.engine import Attempt, AttemptRef, AttemptState, Cause, Reason
from jobflows.engine.indexes import IndexSet
from jobflows.engine.observations import TaskFailure
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests import labels
from jobflows.manifests.causes import explain_failure
from jobflows.manifests.records import JobRecord, PodRecord

POSITION = "batch.kubernetes.io/job-completion-index"
"""Label of a pod: its position in the Job."""


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
        owner, position = pod.metadata.owner, pod.metadata.labels.get(POSITION, "")
        if owner is not None and owner.uid == job.metadata.uid and position.isdigit():
            found[int(position)] = Evidence(*explain_failure(pod))
    return {position: found.get(position, GONE) for position in failed_positions(job)}


def observe_batch(number: int, job: JobRecord, evidence: Mapping[int, Evidence]) -> Attempt:
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
