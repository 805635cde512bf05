"""An attempt of a step on a cluster: its Job, with pods."""

from __future__ import annotations

from dataclasses import dataclass

from jobflows.engine.indexes import IndexSet
from jobflows.manifests import labels
from jobflows.manifests.records import JobRecord, PodRecord


@dataclass(frozen=True, slots=True)
class Job:
    """A Job with its pods, of a batch with those that were asked for; `manifest` is all of it."""

    step: str
    number: int
    record: JobRecord
    pods: tuple[PodRecord, ...]
    manifest: bytes

    @property
    def tasks(self) -> IndexSet:
        """The tasks of an array that it runs; none for any other step."""
        return IndexSet.parse(self.record.metadata.annotations.get(labels.TASKS, ""))

    @property
    def is_batch(self) -> bool:
        """Whether it runs tasks of an array."""
        return labels.TASKS in self.record.metadata.annotations

    def pods_by_task(self) -> dict[int, PodRecord]:
        """The pod of each task; of two that Kubernetes made for one, the newer."""
        tasks = list(self.tasks)
        found = {}
        for pod in sorted(self.pods, key=lambda pod: pod.metadata.creationTimestamp):
            position = pod.metadata.labels.get(labels.POSITION, "")
            if position.isdigit() and int(position) < len(tasks):
                found[tasks[int(position)]] = pod
        return found
