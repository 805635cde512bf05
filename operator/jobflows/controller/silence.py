"""Which changes of Jobs and pods say nothing of an attempt, so that nobody has to look at it again.

Of the nine or so events that a step of one pod causes, three are news: its Job is there, its pod
has ended, and one of them is gone. `sightings` asks here first. Rule: what is passed over would
have given the same attempt; a test holds it against looking anew every time.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobflows.manifests.holdup import is_smooth
from jobflows.manifests.observe import is_pod_of
from jobflows.manifests.observe_batch import is_batch, stands_still
from jobflows.manifests.records import JobRecord, PodRecord


def pod_says_nothing(old: PodRecord | None, new: PodRecord, *, has_job: bool) -> bool:
    """Whether a pod that was added (`old` is None) or changed changes no attempt."""
    if old is not None and _looks_the_same(old, new):
        return True
    if not is_smooth(new):
        return False
    return has_job if old is None else is_smooth(old)


def job_says_nothing(old: JobRecord, new: JobRecord, pods: Iterable[PodRecord]) -> bool:
    """Whether a Job that has changed changes no attempt; `pods` are those seen of it."""
    if old.metadata.uid != new.metadata.uid:
        return False
    return _says_the_same(old, new) or _is_late(new, pods)


def _looks_the_same(old: PodRecord, new: PodRecord) -> bool:
    """Whether a pod's change is only in what `observe_attempt` never asks, such as finalizers."""
    return (
        old.status == new.status
        and old.metadata.deletionTimestamp == new.metadata.deletionTimestamp
    )


def _says_the_same(old: JobRecord, new: JobRecord) -> bool:
    """Whether a Job's change is only its counting of pods, which only a batch is asked for."""
    if is_batch(new) and (
        old.status.completedIndexes != new.status.completedIndexes
        or old.status.failedIndexes != new.status.failedIndexes
        or (stands_still(new) and not stands_still(old))
    ):
        return False
    return (
        old.status.conditions == new.status.conditions
        and old.spec == new.spec
        and old.metadata.deletionTimestamp == new.metadata.deletionTimestamp
    )


def _is_late(job: JobRecord, pods: Iterable[PodRecord]) -> bool:
    """Whether its pod has told of the success that a Job is only now getting to."""
    if not job.is_single or is_batch(job):
        return False
    return any(pod.status.phase == "Succeeded" and is_pod_of(pod, job) for pod in pods)
