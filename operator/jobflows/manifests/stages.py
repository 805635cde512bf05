"""How long a pod waited, started and ran: what a task costs besides its work.

Kubernetes stamps these moments with a second's resolution; what is shorter shows as 0 or 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from jobflows.engine.times import parse_rfc3339
from jobflows.manifests.records import ContainerStatus, PodRecord


class Stages(NamedTuple):
    """Seconds. None: not over yet, or never reached."""

    waiting: float | None
    """From its creation until a node was found: queue, quota, autoscaler, scheduler."""

    starting: float | None
    """Until its first container ran: image, volumes, and init containers."""

    running: float | None
    """Until its last container ended."""


def stages(pod: PodRecord) -> Stages:
    """The stages of a pod, as far as they are over."""
    containers = pod.status.containerStatuses
    created = parse_rfc3339(pod.metadata.creationTimestamp or None)
    scheduled = next(
        (
            parse_rfc3339(condition.lastTransitionTime)
            for condition in pod.status.conditions
            if condition.type == "PodScheduled" and condition.status == "True"
        ),
        None,
    )
    begun = min(_moments(_started(status) for status in containers), default=None)
    ended: float | None = None
    if containers and all(status.state.terminated for status in containers):
        ended = max(_moments(_finished(status) for status in containers), default=None)
    return Stages(_span(created, scheduled), _span(scheduled, begun), _span(begun, ended))


def _started(status: ContainerStatus) -> str | None:
    state = status.state.terminated or status.state.running
    return state.startedAt if state else None


def _finished(status: ContainerStatus) -> str | None:
    return status.state.terminated.finishedAt if status.state.terminated else None


def _moments(texts: Iterable[str | None]) -> list[float]:
    return [moment for text in texts if (moment := parse_rfc3339(text)) is not None]


def _span(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)
