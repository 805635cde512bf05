"""What keeps a started attempt from running: its queue, the scheduler, an image, a missing Secret.

Two questions with two readers. `holdup` names trouble that may last; the operator writes it into
the step's message, so its words must not change while nothing else does. `starting` names the
passing stages that every pod goes through; only somebody who asks is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jobflows.engine import Reason
from jobflows.manifests.labels import QUEUE
from jobflows.manifests.records import Condition, ContainerStatus, JobRecord, PodRecord

_PASSING = frozenset({"", "ContainerCreating", "PodInitializing"})
_COUNTER = re.compile(r"\b(back-off) \d\w*", re.IGNORECASE)
"""`back-off 10s restarting …`: the kubelet doubles the number each time."""


class Holdup(NamedTuple):
    """Why an attempt does not run: one word for programs, one sentence for people."""

    reason: str
    message: str


def holdup(job: JobRecord, pods: Sequence[PodRecord]) -> Holdup | None:
    """What holds a started attempt up and may go on doing so; None when nothing is known to."""
    if job.spec.suspend:
        return Holdup(Reason.QUEUED, _queue(job))
    for pod in pods:
        if pod.status.phase != "Pending":
            continue
        for status in _containers(pod):
            waiting = status.state.waiting
            if waiting and waiting.reason not in _PASSING:
                said = _COUNTER.sub(r"\1", waiting.message)
                words = f"container {status.name} waits: {waiting.reason}: {said}"
                return Holdup(waiting.reason, words)
        scheduled = _condition(pod, "PodScheduled")
        if scheduled is not None and scheduled.status == "False":
            words = f"pod {pod.metadata.name} is not scheduled: {scheduled.message}"
            return Holdup(scheduled.reason or Reason.UNSCHEDULABLE, words)
    return None


def is_smooth(pod: PodRecord) -> bool:
    """Whether a pod is on its way, or runs, and there is nothing to say of it."""
    if pod.metadata.deletionTimestamp is not None or pod.is_over:
        return False
    for status in _containers(pod):
        if status.state.waiting is not None and status.state.waiting.reason not in _PASSING:
            return False
    scheduled = _condition(pod, "PodScheduled")
    return scheduled is None or scheduled.status != "False"


def starting(job: JobRecord, pods: Sequence[PodRecord]) -> Holdup | None:
    """The stage of an attempt that is on its way; None once a pod of it runs or has ended."""
    if not pods:
        return Holdup(Reason.STARTING, f"Job {job.metadata.name} has no pod yet")
    if any(pod.status.phase != "Pending" for pod in pods):
        return None
    pod = pods[0]
    name = pod.metadata.name
    scheduled = _condition(pod, "PodScheduled")
    if scheduled is None or scheduled.status != "True":
        return Holdup(Reason.STARTING, f"pod {name} waits for the scheduler")
    for status in _containers(pod):
        if status.state.waiting is not None:
            words = "is being created: its image is pulled and its volumes are mounted"
            return Holdup(Reason.STARTING, f"container {status.name} of pod {name} {words}")
    return Holdup(Reason.STARTING, f"pod {name} is scheduled; its node has not started it yet")


def _queue(job: JobRecord) -> str:
    queue = job.metadata.labels.get(QUEUE)
    if queue:
        return f"the Job is suspended: it waits in the Kueue queue {queue}"
    return "the Job is suspended (waits in a queue)"


def _containers(pod: PodRecord) -> Iterator[ContainerStatus]:
    yield from pod.status.initContainerStatuses
    yield from pod.status.containerStatuses


def _condition(pod: PodRecord, kind: str) -> Condition | None:
    return next((c for c in pod.status.conditions if c.type == kind), None)
