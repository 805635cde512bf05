"""Which ended pods a sync counts, and which it lets go. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from model.job_pods import completion_index, tracked
from model.job_status import View, counts
from model.storage import Record


@dataclass(frozen=True, slots=True)
class Account:
    """Pods to count as succeeded, as failed, and to release from tracking."""

    succeeded: list[Record]
    failed: list[Record]
    released: list[Record]


def settle(job: Record, view: View) -> Account:
    """A pod is counted when it has ended, and released in the same sync."""
    over = view.end is not None or "deletionTimestamp" in job.metadata
    failed = [pod for pod in view.new_failed if counts(view, pod)]
    if view.end is not None and view.end[0] == "FailureTarget":
        # When a Job has failed, whatever of it still runs has failed too.
        failed += [pod for pod in view.active if tracked(pod) and pod not in failed]
    ended = [*view.new_succeeded, *view.new_failed]
    kept = [] if over else _held_back(view)
    released = [
        pod for pod in view.pods if tracked(pod) and (over or pod in ended) and pod not in kept
    ]
    return Account(view.new_succeeded, [pod for pod in failed if pod not in kept], released)


def _held_back(view: View) -> list[Record]:
    """With a limit for each index, its last failure stays until its successor is there."""
    if view.per_index is None:
        return []
    settled = view.succeeded_indexes | view.failed_indexes
    settled.update(completion_index(pod) for pod in view.active)
    return [pod for pod in view.new_failed if completion_index(pod) not in settled]
