"""What is seen of one flow's attempts, arranged by step and attempt number.

Jobs and pods come from the informers, requests under way from `effects`. Each event is turned into
an attempt at once and compared with what was known: most events (a pod was scheduled, a Job counted
its pod) say nothing new to the engine, and cost no reconcile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from jobflows.controller.batches import Batches
from jobflows.controller.silence import job_says_nothing, pod_says_nothing
from jobflows.engine import Attempt, AttemptState, CompiledFlow, Instant, LockUse
from jobflows.engine.limits import lock_uses, room_taken
from jobflows.manifests.labels import read_locks
from jobflows.manifests.observe import observe_attempt
from jobflows.manifests.observe_batch import (
    Evidence,
    is_batch,
)
from jobflows.manifests.records import JobRecord, PodRecord


class Sightings:
    """One flow's. Every method that takes news answers whether the engine should hear of it."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[int, JobRecord]] = {}
        self.attempts: dict[int, Sequence[Attempt]] = {}
        """Attempts by step index, oldest first; only while the flow is compiled."""
        self.room = 0
        """Tasks that take room under limits, whether or not the flow is compiled."""
        self._live: dict[str, list[Attempt]] = {}
        self._locking: set[str] = set()
        self.batches = Batches()
        self._pods: dict[str, dict[int, dict[str, PodRecord]]] = {}
        self._requests: dict[str, dict[int, Attempt]] = {}
        self._rechecks: dict[str, Instant] = {}
        self._changed: set[int] | None = None
        self._unknown: set[str] = set()
        self._flow: CompiledFlow | None = None

    @property
    def is_empty(self) -> bool:
        return not self.jobs and not self._pods and not self._requests

    @property
    def is_live(self) -> bool:
        """Whether something may be running."""
        return any(attempt.is_live for group in self.attempts.values() for attempt in group)

    @property
    def runs(self) -> bool:
        """Whether a pod runs, or one of a batch is ready. Other threads may ask, so it copies."""
        steps = list(self._pods.values())
        pods = (
            pod
            for numbers in steps
            for group in list(numbers.values())
            for pod in list(group.values())
        )
        if any(pod.status.phase == "Running" for pod in pods):
            return True
        jobs = (job for numbers in list(self.jobs.values()) for job in list(numbers.values()))
        return any(job.status.ready for job in jobs if is_batch(job))

    @property
    def starting(self) -> int:
        """Requests that are under way. One whose Job is seen is done, whenever it is answered: the
        Job is news, and its answer will be none."""
        return sum(
            attempt.state is AttemptState.STARTING and number not in self.jobs.get(step, ())
            for step, group in self._requests.items()
            for number, attempt in group.items()
        )

    @property
    def is_locking(self) -> bool:
        """Whether anything is held of locks."""
        return bool(self._locking)

    @property
    def locks(self) -> dict[str, LockUse]:
        """What is held of locks."""
        return lock_uses(attempt for step in self._locking for attempt in self._live[step])

    def adopt(self, flow: CompiledFlow, now: Instant) -> None:
        """See everything with the eyes of another compiled spec; every index may have moved."""
        self._flow = flow
        self.attempts = {}
        self._rechecks = {}
        self._unknown = set()
        for step in self.jobs.keys() | self._pods.keys() | self._requests.keys():
            self._refresh(step, now)
        self._changed = None

    def release(self) -> None:
        """Keep only what the informers will tell no second time, and requests under way."""
        self._flow = None
        self.attempts = {}
        for step, numbers in list(self._requests.items()):
            for number in [n for n, request in numbers.items() if not request.counts]:
                _drop(self._requests, step, number)
        self._rechecks = {}
        self._unknown = set()
        self._changed = None

    def look_again(self) -> None:
        """Have the next plan look at everything: the last one did not end well."""
        self._changed = None

    def saw_job(self, step: str, number: int, job: JobRecord | None, now: Instant) -> bool:
        """A Job was added or changed, or is gone (None)."""
        self.batches.saw((step, number), job)
        if job is None:
            _drop(self.jobs, step, number)
            return self._refresh(step, now)
        known = self.jobs.setdefault(step, {}).get(number)
        self.jobs[step][number] = job
        request = self._requests.get(step, {}).get(number)
        if request is not None and request.state is AttemptState.UNANSWERED:
            _drop(self._requests, step, number)
        pods = self._pods.get(step, {}).get(number, {})
        if known is not None and job_says_nothing(known, job, pods.values()):
            return False
        return self._refresh(step, now) or self.batches.has_questions(job)

    def saw_pod(
        self, step: str, number: int, uid: str, pod: PodRecord | None, now: Instant
    ) -> bool:
        """A pod was added or changed, or is gone (None)."""
        if pod is None:
            pods = self._pods.get(step, {}).get(number, {})
            pods.pop(uid, None)
            if not pods:
                _drop(self._pods, step, number)
            return self._refresh(step, now)
        pods = self._pods.setdefault(step, {}).setdefault(number, {})
        known = pods.get(uid)
        pods[uid] = pod
        if pod_says_nothing(known, pod, has_job=number in self.jobs.get(step, ())):
            return False
        return self._refresh(step, now)

    def request(self, step: str, attempt: Attempt, now: Instant) -> bool:
        """An attempt without a Job: asked for, or refused by the API server."""
        self._requests.setdefault(step, {})[attempt.number] = attempt
        return self._refresh(step, now)

    def settle(self, step: str, number: int, now: Instant) -> bool:
        """A request is answered: from now on its Job speaks for it."""
        _drop(self._requests, step, number)
        if number in self.jobs.get(step, ()):
            return False
        return self._refresh(step, now)

    def explain(
        self, step: str, job: JobRecord, evidence: Mapping[int, Evidence], now: Instant
    ) -> None:
        """Take in what was read about the tasks of a batch."""
        self.batches.explain(job, evidence)
        self._refresh(step, now)

    def hear(self, step: str, job: JobRecord, outputs: Mapping[int, str], now: Instant) -> None:
        """Take in what the tasks of a map have measured."""
        self.batches.hear(job, outputs)
        self._refresh(step, now)

    def is_asked_for(self, step: str, request: Attempt) -> bool:
        """Whether this very request is still all there is to know."""
        return self._requests.get(step, {}).get(request.number) is request

    def asked_for(self, step: str, number: int) -> Attempt | None:
        """A request for this attempt that was never answered."""
        request = self._requests.get(step, {}).get(number)
        return request if request and request.state is AttemptState.UNANSWERED else None

    def take_changes(self, now: Instant) -> set[int] | None:
        """Steps with news since the last call; None when everything has to be looked at."""
        for step in [step for step, at in self._rechecks.items() if at <= now]:
            self._refresh(step, now)
        changed = self._changed
        self._changed = set()
        return changed

    def strays(self) -> list[Attempt]:
        """What lives of steps that the spec has no longer."""
        steps = sorted(self._unknown & self._live.keys())
        return [attempt for step in steps for attempt in self._live[step]]

    def _refresh(self, step: str, now: Instant) -> bool:
        index = self._flow.graph.index.get(step) if self._flow is not None else None
        if self._flow is None or index is None:
            self._count(step, self._observe(step, wants_output=False, now=now))
            if self._flow is not None:
                self._unknown.add(step)
            return True
        compiled = self._flow.steps[index]
        wants_output = bool(compiled.outputs) or compiled.spec.map is not None
        attempts = self._observe(step, wants_output=wants_output, now=now)
        self._count(step, attempts)
        self._rechecks.pop(step, None)
        moments = [a.recheck_at for a in attempts if a.recheck_at is not None]
        if moments:
            self._rechecks[step] = min(moments)
        if attempts == self.attempts.get(index, ()):
            return False
        if attempts:
            self.attempts[index] = attempts
        else:
            del self.attempts[index]
        if self._changed is not None:
            self._changed.add(index)
        return True

    def _count(self, step: str, attempts: Sequence[Attempt]) -> None:
        live = [attempt for attempt in attempts if attempt.counts]
        before = self._live.pop(step, None)
        if before:
            self.room -= sum(map(room_taken, before))
            self._locking.discard(step)
        if live:
            self.room += sum(map(room_taken, live))
            self._live[step] = live
            if any(attempt.locks for attempt in live):
                self._locking.add(step)

    def _observe(self, step: str, *, wants_output: bool, now: Instant) -> tuple[Attempt, ...]:
        jobs: Mapping[int, JobRecord] = self.jobs.get(step, {})
        pods = self._pods.get(step, {})
        requests = self._requests.get(step, {})
        found = []
        for number in sorted({*jobs, *pods, *requests}):
            job = jobs.get(number)
            if job is not None and is_batch(job):
                batch = self.batches.observe(number, job, now)
                found.append(_with_claims(batch, job, ()) if batch.is_live else batch)
                continue
            attempt = observe_attempt(
                number,
                job,
                list(pods.get(number, {}).values()),
                wants_output=wants_output,
                now=now,
            )
            if attempt is not None and attempt.is_live:
                attempt = _with_claims(attempt, job, pods.get(number, {}).values())
            attempt = attempt or requests.get(number)
            if attempt is not None:
                found.append(attempt)
        return tuple(found)


def _with_claims(attempt: Attempt, job: JobRecord | None, pods: Collection[PodRecord]) -> Attempt:
    """The attempt with what it holds of limits; a Job that is over holds nothing."""
    if job is not None and job.is_over:
        return replace(attempt, is_over=True)
    marked = [job.metadata] if job is not None else [pod.metadata for pod in pods]
    locks = next((found for meta in marked if (found := read_locks(meta.annotations))), None)
    return replace(attempt, locks=locks) if locks else attempt


def _drop(
    by_step: dict[str, dict[int, JobRecord]]
    | dict[str, dict[int, dict[str, PodRecord]]]
    | dict[str, dict[int, Attempt]],
    step: str,
    number: int,
) -> None:
    numbers = by_step.get(step, {})
    numbers.pop(number, None)
    if not numbers:
        by_step.pop(step, None)
