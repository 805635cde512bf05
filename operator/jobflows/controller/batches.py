"""What is known of a flow's batches beyond their Jobs: why their tasks failed, or never start.

Their pods are not watched but read when there is a reason to (`evidence.py`); this says which, and
keeps what was read for as long as the Job is there.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobflows.engine import Attempt, Instant
from jobflows.manifests.observe_batch import (
    Evidence,
    failed_positions,
    is_batch,
    is_given_up,
    next_look,
    observe_batch,
    silent_positions,
    stands_still,
)
from jobflows.manifests.records import JobRecord

Place = tuple[str, int]
"""Step and attempt."""


class Batches:
    """One flow's."""

    def __init__(self) -> None:
        self._jobs: dict[Place, JobRecord] = {}
        self._evidence: dict[str, Mapping[int, Evidence]] = {}
        """Why tasks failed, by the UID of their Job and their position in it."""
        self._outputs: dict[str, Mapping[int, str]] = {}
        """What tasks of maps have measured, by the UID of their Job and their position in it."""
        self._looks: dict[str, Instant] = {}
        """When to look again at the pods of a Job that stands still, by its UID."""
        self._over: dict[str, tuple[JobRecord, Attempt]] = {}
        """Batches that are over, by UID, as long as nothing new is known of them."""

    def saw(self, place: Place, job: JobRecord | None) -> None:
        """A Job was added or changed, or is gone (None)."""
        before = self._jobs.pop(place, None)
        if before is not None and (job is None or job.metadata.uid != before.metadata.uid):
            self._evidence.pop(before.metadata.uid, None)
            self._outputs.pop(before.metadata.uid, None)
            self._looks.pop(before.metadata.uid, None)
            self._over.pop(before.metadata.uid, None)
        if job is not None and is_batch(job):
            self._jobs[place] = job

    def has_questions(self, job: JobRecord) -> bool:
        """Whether the pods of a Job have something to tell that its own status does not."""
        if not is_batch(job):
            return False
        unexplained = len(failed_positions(job)) > len(self.evidence_of(job))
        return unexplained or bool(silent_positions(job, self.outputs_of(job)))

    def unexplained(self) -> list[tuple[Place, JobRecord]]:
        """Batches with failed tasks of which nobody has read yet why."""
        return [
            (place, job)
            for place, job in self._jobs.items()
            if len(failed_positions(job)) > len(self.evidence_of(job))
        ]

    def silent(self) -> list[tuple[Place, JobRecord]]:
        """Batches of maps with succeeded tasks whose measures nobody has read yet."""
        return [
            (place, job)
            for place, job in self._jobs.items()
            if silent_positions(job, self.outputs_of(job))
        ]

    def hear(self, job: JobRecord, outputs: Mapping[int, str]) -> None:
        """Keep what the tasks of a batch have measured."""
        self._outputs[job.metadata.uid] = {**self.outputs_of(job), **outputs}
        self._over.pop(job.metadata.uid, None)

    def outputs_of(self, job: JobRecord) -> Mapping[int, str]:
        """What tasks of a batch have measured."""
        return self._outputs.get(job.metadata.uid, {})

    def standing_still(self, now: Instant) -> list[tuple[Place, JobRecord]]:
        """Batches of which no pod is ready, and that it is time to look at."""
        return [
            (place, job)
            for place, job in self._jobs.items()
            if stands_still(job)
            and not is_given_up(job, self.evidence_of(job))
            and now >= self._looks.get(job.metadata.uid, next_look(job, 0.0))
        ]

    def looked(self, job: JobRecord, now: Instant) -> None:
        """Nobody has to look at the pods of this Job again for a while."""
        self._looks[job.metadata.uid] = next_look(job, now + 1.0)

    def explain(self, job: JobRecord, evidence: Mapping[int, Evidence]) -> None:
        """Keep what was read about the tasks of a batch."""
        self._evidence[job.metadata.uid] = evidence
        self._over.pop(job.metadata.uid, None)

    def evidence_of(self, job: JobRecord) -> Mapping[int, Evidence]:
        """What was read about the tasks of a batch."""
        return self._evidence.get(job.metadata.uid, {})

    def observe(self, number: int, job: JobRecord, now: Instant) -> Attempt:
        """A batch as an attempt. A long array leaves many that are over, and none is read twice."""
        known = self._over.get(job.metadata.uid)
        if known is not None and known[0] is job:
            return known[1]
        attempt = observe_batch(number, job, self.evidence_of(job), self.outputs_of(job), now)
        if job.is_over:
            self._over[job.metadata.uid] = (job, attempt)
        return attempt
