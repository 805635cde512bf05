"""The Job controller: pods for Jobs, and the Job's status from its pods.

It reads the store as it is (the real one works from a cache) but keeps the real one's pace, which
is what an operator must live with: a change of the Job is handled at once, a change of its pods a
second later (`syncJobBatchPeriod`), a failed pod is replaced after 10 s, 20 s, 40 s
(`model.job_workers`). Each end is written in two steps (`model.job_status`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from model import indexes
from model.deletion import Options, delete
from model.job_accounts import settle
from model.job_pods import controller_uid, tracked
from model.job_status import FINAL, View, finished, look, success, with_condition
from model.job_workers import Workers
from model.kinds import JOBS, PODS
from model.storage import Change, Key, Object, Record, Storage
from model.strategy import timestamp
from model.verbs import Verbs
from model.virtual_time import Clock

AT_ONCE = 0.005
BATCH_SECONDS = 1.0


class JobController:
    """Listens to Jobs and pods; each Job is synced when its time has come."""

    def __init__(self, storage: Storage, verbs: Verbs, clock: Clock) -> None:
        self._storage = storage
        self._verbs = verbs
        self._clock = clock
        self._due: dict[Key, tuple[float, asyncio.TimerHandle]] = {}
        self._pods: dict[str, dict[Key, None]] = {}  # by the Job's uid
        self._workers = Workers(
            storage, verbs, clock, lambda job, seconds: self._enqueue(job.key, seconds)
        )
        storage.listeners.append(self._changed)

    # When to look.

    def _changed(self, change: Change) -> None:
        new, old = change.new, change.old
        if new.kind is JOBS:
            if change.deleted:
                self._workers.forget(new.uid)
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
        self._workers.note_failures(job.uid, view, now)
        deadline = spec.get("activeDeadlineSeconds")
        if view.end is None and deadline is not None and age is not None:
            self._enqueue(job.key, max(deadline - age, AT_ONCE))
        if view.end is not None:
            self._workers.delete(view.active)
            active_now, terminating = 0, view.terminating + len(view.active)
            ready = 0
        else:
            deleted, active_now = 0, len(view.active)
            if "deletionTimestamp" not in job.metadata:
                deleted, active_now = self._workers.manage(job, view, suspended)
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

    def _track(self, job: Record, view: View, status: Object, terminating: int) -> None:
        """Count the ended pods, release them, and end the Job once none is left."""
        end = view.end
        account = settle(job, view)
        text = timestamp(self._clock.now())
        if view.indexed:
            _count(status, "succeeded", len(view.succeeded_indexes))
            if ranges := indexes.render(view.succeeded_indexes):
                status["completedIndexes"] = ranges
            if view.per_index is not None:
                status["failedIndexes"] = indexes.render(view.failed_indexes)
        uncounted = {
            "succeeded": [pod.uid for pod in account.succeeded if not view.indexed],
            "failed": [pod.uid for pod in account.failed],
        }
        status["uncountedTerminatedPods"] = {k: uids for k, uids in uncounted.items() if uids}
        if end is not None:
            status = with_condition(status, end, "True", text)
        job = self._write(job, status)
        for pod in account.released:
            self._workers.release(pod)
        status = {**status, "uncountedTerminatedPods": {}}
        if not view.indexed:
            _count(status, "succeeded", status.get("succeeded", 0) + len(account.succeeded))
        _count(status, "failed", status.get("failed", 0) + len(account.failed))
        if end is not None and not terminating:
            kind, reason, message = end
            status = with_condition(status, (FINAL[kind], reason, message), "True", text)
            if FINAL[kind] == "Complete":
                status["completionTime"] = text
        self._write(job, status)

    # Effects.

    def _write(self, job: Record, status: Object) -> Record:
        current = self._storage.get(JOBS, *job.key)
        if current is None or current.uid != job.uid:
            return job
        return self._verbs.store(current, {**current.obj, "status": status})

    def _release_orphans(self, uid: str) -> None:
        for key in list(self._pods.get(uid, ())):
            self._release_orphan(key)

    def _release_orphan(self, key: Key) -> None:
        pod = self._storage.get(PODS, *key)
        if pod is not None and self._job_of(pod) is None:
            self._workers.release(pod)


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
