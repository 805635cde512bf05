"""Which attempt an object belongs to, by the labels and the owner that the operator gave it.

Whoever may create Jobs and pods in a namespace may write any label into them. The operator and the
recorder ask the same here, so what only looks like an attempt is nobody's for both.
"""

from __future__ import annotations

from typing import NamedTuple

from jobflows.manifests import labels
from jobflows.manifests.records import JobRecord, OwnedMeta

LAST_ATTEMPT = 2**31 - 1
"""The largest number that the schema of a status takes, and a column of the archive."""


class Place(NamedTuple):
    """An attempt: flow UID, step, number."""

    flow_id: str
    step: str
    attempt: int


def place_of_job(job: JobRecord | None) -> Place | None:
    """Where a Job belongs; nowhere if the flow does not own it, or it has another name than ours.

    By its name a copy is told from its original: `kubectl get -o yaml` gives it all else.
    """
    if job is None:
        return None
    place, owner = _place(job.metadata), job.metadata.owner
    if place is None or owner is None or owner.uid != place.flow_id:
        return None
    _, step, number = place
    return place if labels.is_job_name(job.metadata.name, owner.name, step, number) else None


def place_of_pod(meta: OwnedMeta) -> Place | None:
    """Where a pod belongs; nowhere if no Job made it, as by its owner, or its label if orphaned."""
    made = meta.owner is not None or labels.JOB_NAME in meta.labels
    return _place(meta) if made else None


def _place(meta: OwnedMeta) -> Place | None:
    marks = meta.labels
    if not (marks.flow_uid and marks.step):
        return None
    try:
        number = int(marks.attempt)
    except ValueError:
        return None
    # One that no status and no column can hold would keep all else from being written.
    return Place(marks.flow_uid, marks.step, number) if 1 <= number <= LAST_ATTEMPT else None
