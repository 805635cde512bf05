"""An Indexed Job -> one batch of an array, as the engine sees it.

The Job counts its tasks itself, by index; its pods are not watched, which would cost five events a
task. Only when it says that tasks have failed are the failed pods read, to learn why; and when it
has pods of which none is ready, some are read to see whether they ever will be. The pods of a map
are read once they have succeeded, for what they have measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import ceil

from jobflows.engine import Attempt, AttemptRef, AttemptState, Cause, Instant, Reason
from jobflows.engine.indexes import EMPTY, MOST, IndexSet
from jobflows.engine.observations import TaskFailure
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests import labels
from jobflows.manifests.causes import explain_failure, explain_stuck
from jobflows.manifests.observe import output_of
from jobflows.manifests.records import JobRecord, PodRecord

PATIENCE = 10.0
"""Seconds that the pods of a Job may take to get ready before anybody looks at them."""

LOOK_AGAIN = 30.0
"""Seconds between looks at pods that do not get ready."""

SAMPLE = 20
"""Pods that are looked at to see whether any of a Job can run; all of them share a template."""


Kind = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a task failed, as its pod tells it."""

    cause: Cause
    reason: str
    message: str
    exit_codes: Mapping[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """What is judged: all but the words."""
        return self.cause, self.reason, tuple(sorted(self.exit_codes.items()))


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
    inquiry = Inquiry(job)
    inquiry.hear(pods)
    return inquiry.evidence()


class Inquiry:
    """Why tasks of a Job failed, from one portion of its pods after the other.

    What pods have printed may be long, and different for each. Only the words of the lowest
    position of each kind of failure are kept, so that ten thousand failures cost little memory and
    are judged together. `asked` are the positions to be explained, by default all that failed.
    """

    def __init__(self, job: JobRecord, asked: IndexSet | None = None) -> None:
        self._job = job
        self._asked = failed_positions(job) if asked is None else asked
        self._kinds: dict[int, Kind] = {}
        self._words: dict[Kind, _Words] = {}

    def hear(self, pods: Iterable[PodRecord]) -> None:
        """Take in pods, among them all of each position that they are about."""
        newest: dict[int, PodRecord] = {}
        for pod in sorted(pods, key=lambda pod: pod.metadata.creationTimestamp):
            owner, label = pod.metadata.owner, pod.metadata.labels.get(labels.POSITION, "")
            if owner is not None and owner.uid == self._job.metadata.uid and label.isdigit():
                newest[int(label)] = pod
        for position, pod in newest.items():
            if position in self._asked:
                self._note(position, Evidence(*explain_failure(pod)))

    def evidence(self) -> dict[int, Evidence]:
        """What was heard of each position that was asked for; `GONE` where nothing was."""
        shared = {kind: words.evidence() for kind, words in self._words.items()}
        return {
            position: shared[self._kinds[position]] if position in self._kinds else GONE
            for position in self._asked
        }

    def _note(self, position: int, one: Evidence) -> None:
        kind = self._kinds[position] = one.kind
        words = self._words.get(kind)
        if words is None:
            self._words[kind] = _Words(position, one)
            return
        words.differ = words.differ or words.first.message != one.message
        if position < words.position:
            words.position, words.first = position, one


@dataclass(slots=True)
class _Words:
    """What the pod of the lowest position says of a kind of failure, and whether all say that."""

    position: int
    first: Evidence
    differ: bool = False

    def evidence(self) -> Evidence:
        if not self.differ:
            return self.first
        return replace(self.first, message=f"{self.first.message} (the others differ in words)")


def items_per_task(job: JobRecord) -> int:
    """How many items each task of a map has; 0 for a Job that runs something else."""
    written = job.metadata.annotations.get(labels.MAP_BLOCK, "")
    return int(written) if written.isdigit() else 0


def silent_positions(job: JobRecord, outputs: Mapping[int, str]) -> IndexSet:
    """Positions of tasks of a map that have succeeded, and whose measures nobody has read yet."""
    if not items_per_task(job):
        return EMPTY
    return IndexSet.parse(job.status.completedIndexes or "") - IndexSet.of(outputs)


def read_outputs(job: JobRecord, asked: IndexSet, pods: Iterable[PodRecord]) -> dict[int, str]:
    """What the succeeded pods of a Job say; nothing for a pod that is gone."""
    found = dict.fromkeys(asked, "")
    for pod in pods:
        owner, position = pod.metadata.owner, pod.metadata.labels.get(labels.POSITION, "")
        own = owner is not None and owner.uid == job.metadata.uid
        if own and position.isdigit() and int(position) in found:
            found[int(position)] = output_of(pod)
    return found


def stands_still(job: JobRecord) -> bool:
    """Whether a Job has pods of which none is ready."""
    status = job.status
    return status.active > 0 and not status.ready and job.metadata.deletionTimestamp is None


def is_given_up(job: JobRecord, evidence: Mapping[int, Evidence]) -> bool:
    """Whether it is known that the tasks of a Job that have not ended will never run."""
    return len(evidence) > len(failed_positions(job))


def _stuck_positions(job: JobRecord, evidence: Mapping[int, Evidence]) -> IndexSet:
    """The positions of tasks that will never run, and that the Job does not count as failed."""
    if not is_given_up(job, evidence):
        return EMPTY
    return IndexSet.of(evidence) - failed_positions(job)


def next_look(job: JobRecord, now: Instant) -> Instant:
    """When the pods of a Job that stands still are worth a look, from `now` on."""
    first = (parse_rfc3339(job.metadata.creationTimestamp) or now) + PATIENCE
    return first if now <= first else first + LOOK_AGAIN * ceil((now - first) / LOOK_AGAIN)


def read_stuck(job: JobRecord, pods: Iterable[PodRecord]) -> dict[int, Evidence]:
    """Why no task that a Job that stands still has left will ever run; empty when one may.

    `pods` are a sample of those that wait. All share a template, so what some say of image and
    configuration is true of all. Once tasks have run it may be a matter of nodes, of which one has
    the image and another cannot get it: then each pod that is left has to say it for itself.
    """
    own = [pod for pod in pods if (owner := pod.metadata.owner) and owner.uid == job.metadata.uid]
    stuck = explain_stuck(own)
    if stuck is None:
        return {}
    ended = failed_positions(job) | IndexSet.parse(job.status.completedIndexes or "")
    alone = sum(explain_stuck([pod]) is not None for pod in own) if ended else SAMPLE
    if alone < min(job.status.active, SAMPLE):
        return {}
    left = IndexSet.span(0, min(job.spec.completions or 0, MOST)) - ended
    return dict.fromkeys(left, Evidence(*stuck))


def observe_batch(
    number: int,
    job: JobRecord,
    evidence: Mapping[int, Evidence],
    outputs: Mapping[int, str] | None,
    now: Instant,
) -> Attempt:
    """Say how attempt `number` of an array stands.

    Failures without evidence are not yet told, nor are successes of a map whose measures are not
    read: a task ends once, and with all that there is to say. None for who does not ask for them.
    """
    tasks = IndexSet.parse(job.metadata.annotations[labels.TASKS])
    silent = EMPTY if outputs is None else silent_positions(job, outputs)
    state, cause, reason, message = _state(job, evidence)
    if silent and state in (AttemptState.SUCCEEDED, AttemptState.FAILED):
        state, cause, reason, message = AttemptState.RUNNING, Cause.APPLICATION, "", ""
    members = list(tasks) if outputs else []
    waits = stands_still(job) and not is_given_up(job, evidence)
    return Attempt(
        number=number,
        state=state,
        ref=AttemptRef(job.metadata.name, job.metadata.uid),
        created=parse_rfc3339(job.metadata.creationTimestamp),
        cause=cause,
        reason=reason,
        message=message,
        tasks=tasks,
        succeeded=tasks.at(IndexSet.parse(job.status.completedIndexes or "") - silent),
        outputs={members[n]: said for n, said in (outputs or {}).items() if n < len(members)},
        items_per_task=items_per_task(job),
        failures=_failures(tasks, evidence),
        stuck=tasks.at(_stuck_positions(job, evidence)),
        recheck_at=next_look(job, now) if waits else None,
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
    """Failures of which the same was said together; they are judged together."""
    shared: dict[int, list[int]] = {}
    for position, one in evidence.items():
        shared.setdefault(id(one), []).append(position)
    same: dict[tuple[Kind, str], list[int]] = {}
    for positions in shared.values():
        one = evidence[positions[0]]
        same.setdefault((one.kind, one.message), []).extend(positions)
    failures = []
    for positions in same.values():
        one = evidence[positions[0]]
        failures.append(
            TaskFailure(
                tasks=tasks.at(IndexSet.of(positions)),
                cause=one.cause,
                reason=one.reason,
                message=one.message,
                exit_codes=one.exit_codes,
            )
        )
    return tuple(failures)
