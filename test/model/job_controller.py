"""The Job controller: pods for Jobs, and the Job's status from its pods.

It reads the store as it is (the real one works from a cache) but keeps the real one's pace, which
is what an operator must live with: a change of the Job is handled at once, a change of its pods a
second later (`syncJobBatchPeriod`), a failed pod is replaced after 10 s, 20 s, 40 s … Each end is
written in two steps, see `model.job_status`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from model import indexes, job_pods
from model.deletion import Options, delete
from model.job_pods import TRACKING, completion_index, controller_uid, finished_at, tracked
from model.job_status import (
    FINAL,
    View,
    counts,
    finished,
    look,
    pending_indexes,
    success,
    wanted_active,
    with_condition,
)
from model.kinds import JOBS, PODS
from model.routes import Route
from model.storage import Change, Key, Object, Record, Storage
from model.strategy import timestamp
from model.verbs import Verbs
from model.virtual_time import Clock

AT_ONCE = 0.005
BATCH_SECONDS = 1.0
BACKOFF_SECONDS = 10.0
LONGEST_BACKOFF_SECONDS = 600.0
MOST_PODS_A_SYNC = 500


@dataclass(slots=True)
class _Backoff:
    """Failures in a row since the last success, and when the last one ended."""

    failures: int = 0
    last: float = 0.0

    def remaining(self, now: float) -> float:
        return remaining(self.failures, self.last, now)


def remaining(failures: int, last: float, now: float) -> float:
    if failures == 0:
        return 0.0
    pause = min(BACKOFF_SECONDS * 2.0 ** (failures - 1), LONGEST_BACKOFF_SECONDS)
    return max(last + pause - now, 0.0)


class JobController:
    """Listens to Jobs and pods; each Job is synced when its time has come."""

    def __init__(self, storage: Storage, verbs: Verbs, clock: Clock, random: Random) -> None:
        self._storage = storage
        self._verbs = verbs
        self._clock = clock
        self._random = random
        self._due: dict[Key, tuple[float, asyncio.TimerHandle]] = {}
        self._pods: dict[str, dict[Key, None]] = {}  # by the Job's uid
        self._backoff: dict[str, _Backoff] = {}
        storage.listeners.append(self._changed)

    # When to look.

    def _changed(self, change: Change) -> None:
        new, old = change.new, change.old
        if new.kind is JOBS:
            if change.deleted:
                self._backoff.pop(new.uid, None)
                self._later(AT_ONCE, lambda: self._release_orphans(new.uid))
            elif old is None or old.metadata["generation"] != new.metadata["generation"]:
                self._enqueue(new.key, AT_ONCE)
                self._expire(new)
            else:
                self._enqueue(new.key, BATCH_SECONDS)
                self._expire(new)
        elif new.kind is PODS:
            self._pod_changed(change)

    def _pod_changed(self, change: Change) -> None:
        pod = change.new
        uid = controller_uid(pod)
        before = controller_uid(change.old) if change.old else None
        if before is not None and (change.deleted or uid != before):
            self._pods.get(before, {}).pop(pod.key, None)
        if uid is not None and not change.deleted:
            self._pods.setdefault(uid, {})[pod.key] = None
        job = self._job_of(pod)
        if job is not None:
            self._enqueue(job.key, BATCH_SECONDS)
        elif tracked(pod) and not change.deleted:
            self._later(AT_ONCE, lambda: self._release_orphan(pod.key))

    def _job_of(self, pod: Record) -> Record | None:
        for reference in pod.metadata.get("ownerReferences") or ():
            if reference.get("controller"):
                job = self._storage.get(JOBS, pod.namespace, reference["name"])
                return job if job is not None and job.uid == reference["uid"] else None
        return None

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._clock.call_later(seconds, act)

    def _enqueue(self, key: Key, seconds: float) -> None:
        due = self._clock.now() + seconds
        known = self._due.get(key)
        if known is not None:
            if known[0] <= due:
                return
            known[1].cancel()
        self._due[key] = (due, self._clock.call_later(seconds, lambda: self._wake(key)))

    def _wake(self, key: Key) -> None:
        del self._due[key]
        job = self._storage.get(JOBS, *key)
        if job is not None and not finished(job.obj["status"]):
            self._sync(job)

    def _expire(self, job: Record) -> None:
        """The TTL controller, which is another one in the real world."""
        ttl = job.obj["spec"].get("ttlSecondsAfterFinished")
        if ttl is None or not finished(job.obj["status"]) or "deletionTimestamp" in job.metadata:
            return

        def remove() -> None:
            now = self._storage.get(JOBS, *job.key)
            if now is not None and now.uid == job.uid and "deletionTimestamp" not in now.metadata:
                delete(self._storage, now, self._clock.now(), Options("Foreground"))

        self._later(float(ttl), remove)

    # What to do.

    def _sync(self, job: Record) -> None:
        spec, status = job.obj["spec"], dict(job.obj["status"])
        suspended = bool(spec.get("suspend"))
        now = self._clock.now()
        text = timestamp(now)
        if "startTime" not in status and not suspended:
            status["startTime"] = text
        age = None
        if not suspended:
            # Seconds of age, not of the clock: the stamp has been cut to whole seconds.
            started = datetime.fromisoformat(status["startTime"]).timestamp()
            age = now - started
        view = look(job, self._pods_of(job), age)
        self._note_backoff(job.uid, view, now)
        deadline = spec.get("activeDeadlineSeconds")
        if view.end is None and deadline is not None and age is not None:
            self._enqueue(job.key, max(deadline - age, AT_ONCE))
        if view.end is not None:
            self._delete_pods(view.active)
            active_now, terminating = 0, view.terminating + len(view.active)
            ready = 0
        else:
            deleted, active_now = 0, len(view.active)
            if "deletionTimestamp" not in job.metadata:
                deleted, active_now = self._manage(job, view, suspended)
                status = _suspension(status, suspended, text)
            terminating = view.terminating + deleted
            ready = min(view.ready, active_now)
            view.end = success(view, active_now)
        status |= {"ready": ready, "terminating": terminating}
        _count(status, "active", active_now)
        self._track(job, view, status, terminating)

    def _pods_of(self, job: Record) -> list[Record]:
        pods = self._storage.objects[PODS]
        return [pods[key] for key in self._pods.get(job.uid, ()) if key in pods]

    def _note_backoff(self, uid: str, view: View, now: float) -> None:
        record = self._backoff.setdefault(uid, _Backoff())
        ends = [(finished_at(pod, now), False) for pod in view.new_failed]
        ends += [(finished_at(pod, now), True) for pod in view.new_succeeded]
        for end, succeeded in sorted(ends):
            if succeeded:
                record.failures = 0
            else:
                record.failures += 1
                record.last = end

    def _manage(self, job: Record, view: View, suspended: bool) -> tuple[int, int]:
        """Create or delete pods; returns how many were deleted and how many are active now."""
        now_active = len(view.active)
        wanted = 0 if suspended else wanted_active(view)
        doomed = self._surplus(view, now_active - wanted)
        if doomed:
            self._delete_pods(doomed)
            return len(doomed), now_active - len(doomed)
        missing = wanted - now_active
        if job.obj["spec"].get("podReplacementPolicy") == "Failed":
            missing -= view.terminating
        if missing <= 0:
            return 0, now_active
        if view.per_index is None:
            pause = self._backoff[job.uid].remaining(self._clock.now())
            if pause > 0:
                self._enqueue(job.key, pause)
                return 0, 0  # the real one reports none here, even if some are left
        missing = min(missing, MOST_PODS_A_SYNC)
        return 0, now_active + self._create_pods(job, view, missing)

    def _surplus(self, view: View, count: int) -> list[Record]:
        doomed: list[Record] = []
        if view.indexed:
            seen: set[int] = set()
            for pod in view.active:
                index = completion_index(pod)
                done = index in view.succeeded_indexes or index in view.failed_indexes
                if done or index in seen or index >= view.spec["completions"]:
                    doomed.append(pod)
                seen.add(index)
        # Those that have not started go first, then the youngest.
        rest = [pod for pod in view.active if pod not in doomed]
        rest.sort(key=lambda pod: (job_pods.ready(pod), -completion_index(pod)))
        return doomed + rest[: max(count - len(doomed), 0)]

    def _create_pods(self, job: Record, view: View, count: int) -> int:
        route = Route(PODS, job.namespace, "", "")
        places: list[int | None] = [None] * count
        failures: dict[int, int] = {}
        if view.indexed:
            places = list(pending_indexes(view, count))
            if view.per_index is not None:
                places = self._after_backoff(job, view, places, failures)
        for index in places:
            failed = 0 if index is None else failures.get(index, 0)
            self._verbs.create(route, job_pods.from_template(job, index, failed))
        return len(places)

    def _after_backoff(
        self, job: Record, view: View, places: list[int | None], failures: dict[int, int]
    ) -> list[int | None]:
        """The indexes whose own pause is over; also notes how often each has failed."""
        now = self._clock.now()
        last: dict[int, Record] = {}
        for pod in view.new_failed:
            index = completion_index(pod)
            known = last.get(index)
            if known is None or job_pods.index_failures(known) <= job_pods.index_failures(pod):
                last[index] = pod
        ripe: list[int | None] = []
        pauses: list[float] = []
        for place in places:
            failed = last.get(place) if place is not None else None
            if place is None or failed is None:
                ripe.append(place)
                continue
            failures[place] = job_pods.index_failures(failed) + int(counts(view, failed))
            pause = remaining(failures[place], finished_at(failed, now), now)
            if pause > 0:
                pauses.append(pause)
            else:
                ripe.append(place)
        if pauses:
            self._enqueue(job.key, min(pauses))
        return ripe

    def _track(self, job: Record, view: View, status: Object, terminating: int) -> None:
        """Count the ended pods, release them, and end the Job once none is left."""
        end = view.end
        succeeded, failed, released = self._counted(job, view)
        text = timestamp(self._clock.now())
        if view.indexed:
            _count(status, "succeeded", len(view.succeeded_indexes))
            if ranges := indexes.render(view.succeeded_indexes):
                status["completedIndexes"] = ranges
            if view.per_index is not None:
                status["failedIndexes"] = indexes.render(view.failed_indexes)
        uncounted = {
            "succeeded": [pod.uid for pod in succeeded if not view.indexed],
            "failed": [pod.uid for pod in failed],
        }
        status["uncountedTerminatedPods"] = {k: uids for k, uids in uncounted.items() if uids}
        if end is not None:
            status = with_condition(status, end, "True", text)
        job = self._write(job, status)
        for pod in released:
            self._release(pod)
        status = {**status, "uncountedTerminatedPods": {}}
        if not view.indexed:
            _count(status, "succeeded", status.get("succeeded", 0) + len(succeeded))
        _count(status, "failed", status.get("failed", 0) + len(failed))
        if end is not None and not terminating:
            kind, reason, message = end
            status = with_condition(status, (FINAL[kind], reason, message), "True", text)
            if FINAL[kind] == "Complete":
                status["completionTime"] = text
        self._write(job, status)

    def _counted(self, job: Record, view: View) -> tuple[list[Record], list[Record], list[Record]]:
        """Pods to count as succeeded, as failed, and to release from tracking."""
        over = view.end is not None or "deletionTimestamp" in job.metadata
        lost = view.end is not None and view.end[0] == "FailureTarget"
        failed = [pod for pod in view.new_failed if counts(view, pod)]
        if lost:
            # When a Job has failed, whatever of it still runs has failed too.
            failed += [pod for pod in view.active if tracked(pod) and pod not in failed]
        kept = self._held_back(view) if not over else {}
        released = [
            pod
            for pod in view.pods
            if tracked(pod)
            and (over or pod in view.new_succeeded or pod in view.new_failed)
            and pod.uid not in kept
        ]
        failed = [pod for pod in failed if pod.uid not in kept]
        return view.new_succeeded, failed, released

    def _held_back(self, view: View) -> dict[str, None]:
        """With a limit for each index, its last failure stays until its successor is there."""
        if view.per_index is None:
            return {}
        settled = view.succeeded_indexes | view.failed_indexes
        settled.update(completion_index(pod) for pod in self._latest_active(view))
        return {pod.uid: None for pod in view.new_failed if completion_index(pod) not in settled}

    def _latest_active(self, view: View) -> list[Record]:
        uids = {uid for pod in view.pods if (uid := controller_uid(pod))}
        pods = self._storage.objects[PODS]
        found = [pods[key] for uid in uids for key in self._pods.get(uid, ()) if key in pods]
        return [pod for pod in found if job_pods.active(pod)]

    # Effects.

    def _write(self, job: Record, status: Object) -> Record:
        current = self._storage.get(JOBS, *job.key)
        if current is None or current.uid != job.uid:
            return job
        return self._verbs.store(current, {**current.obj, "status": status})

    def _delete_pods(self, pods: list[Record]) -> None:
        for pod in pods:
            delete(self._storage, pod, self._clock.now(), Options("Background"))

    def _release(self, pod: Record) -> None:
        current = self._storage.get(PODS, *pod.key)
        if current is None or current.uid != pod.uid or not tracked(current):
            return
        kept = [name for name in current.metadata["finalizers"] if name != TRACKING]
        metadata = {key: v for key, v in current.metadata.items() if key != "finalizers"}
        if kept:
            metadata["finalizers"] = kept
        self._verbs.store(current, {**current.obj, "metadata": metadata})

    def _release_orphans(self, uid: str) -> None:
        for key in list(self._pods.get(uid, ())):
            self._release_orphan(key)

    def _release_orphan(self, key: Key) -> None:
        pod = self._storage.get(PODS, *key)
        if pod is not None and self._job_of(pod) is None:
            self._release(pod)


def _suspension(status: Object, suspended: bool, now: str) -> Object:
    known = any(c["type"] == "Suspended" for c in status.get("conditions") or ())
    if suspended:
        return with_condition(status, ("Suspended", "JobSuspended", "Job suspended"), "True", now)
    if not known:
        return status
    resumed = with_condition(status, ("Suspended", "JobResumed", "Job resumed"), "False", now)
    return status if resumed is status else {**resumed, "startTime": now}


def _count(status: Object, field: str, value: int) -> None:
    """Zero is absent, as the API's `omitempty` has it."""
    if value:
        status[field] = value
    else:
        status.pop(field, None)
