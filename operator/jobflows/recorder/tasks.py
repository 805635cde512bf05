"""The tasks of an array, as its Job counts them: what is known when nobody has seen their pods.

Pods go: with their node, by their garbage collection, while no recorder runs. Their Job goes on
counting which positions have succeeded and which have failed, and has the tasks at those positions
in an annotation.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobflows.archive import KindOf, Known, TasksFact
from jobflows.engine import Cause
from jobflows.engine.indexes import EMPTY, MOST, IndexSet
from jobflows.manifests import labels
from jobflows.manifests.batch import TASKS
from jobflows.manifests.observe_batch import is_batch
from jobflows.manifests.place import Place
from jobflows.manifests.records import JobRecord
from jobflows.recorder.records import RecordedPod

UNASKED = "its pod was gone before anybody could ask why it failed"


def is_of_array(job: JobRecord | None, pods: Mapping[str, RecordedPod]) -> bool:
    """Whether an attempt runs tasks of an array, and not a Job of the user's with many pods."""
    if job is not None:
        return is_batch(job)
    return any(_words(pod) is not None for pod in pods.values())


def task_of(pod: RecordedPod) -> int | None:
    """The index of the task that a pod runs: the one at its position among those of its Job."""
    position = position_of(pod)
    if position is None:
        return None
    try:
        tasks = IndexSet.parse(_words(pod) or "")
    except ValueError:
        return None
    return next(iter(tasks.at(IndexSet.of([position]))), None)


def position_of(pod: RecordedPod) -> int | None:
    """Where a pod stands in its Job."""
    text = pod.metadata.labels.get(labels.POSITION, "")
    position = int(text) if text.isdecimal() else MOST
    return position if position < MOST else None


def _words(pod: RecordedPod) -> str | None:
    return next((v.value for c in pod.spec.containers for v in c.env if v.name == TASKS), None)


def counted_positions(job: JobRecord) -> IndexSet:
    """The positions of which a Job says how they ended; none where it is no array's."""
    if not is_batch(job):
        return EMPTY
    succeeded, failed = _positions(job)
    return succeeded | failed


def tell_counted(
    place: Place, job: JobRecord | None, known: IndexSet, *, kind: KindOf, run: int
) -> TasksFact | None:
    """What a Job counts, but the positions that are `known`."""
    if job is None or not is_batch(job):
        return None
    succeeded, failed = (positions - known for positions in _positions(job))
    if not (succeeded or failed):
        return None
    tasks = _parsed(job.metadata.annotations[labels.TASKS])
    verdict = job.condition("Failed")
    is_late = verdict is not None and verdict.reason == "DeadlineExceeded"
    return TasksFact(
        flow_id=place.flow_id,
        step=place.step,
        attempt=place.attempt,
        kind=kind,
        version=Known.JOB.at(int(job.metadata.resourceVersion)),
        run=run,
        succeeded=tasks.at(succeeded),
        failed=tasks.at(failed),
        cause=str(Cause.TIMEOUT) if is_late else "",
        reason=verdict.reason if verdict is not None and is_late else "",
        message=verdict.message if verdict is not None and is_late else UNASKED,
    )


def _positions(job: JobRecord) -> tuple[IndexSet, IndexSet]:
    """Those that have succeeded, and those that have failed: all that are left when it has."""
    succeeded = _parsed(job.status.completedIndexes or "")
    failed = _parsed(job.status.failedIndexes or "")
    if job.condition("Failed") is not None and job.metadata.deletionTimestamp is None:
        failed = IndexSet.span(0, job.spec.completions or 0) - succeeded
    return succeeded, failed


def _parsed(text: str) -> IndexSet:
    try:
        return IndexSet.parse(text)
    except ValueError:  # somebody else wrote it
        return EMPTY
