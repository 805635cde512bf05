"""The Job controller's hands: it makes and removes pods, at the pace of the real one.

A failed pod is replaced 10 s, 20 s, 40 s … after its end, counted for the whole Job or, with
`backoffLimitPerIndex`, for each index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from model import job_pods
from model.deletion import Options, delete
from model.errors import ApiError
from model.job_pods import TRACKING, completion_index, finished_at, tracked
from model.job_status import View, counts, pending_indexes, wanted_active
from model.kinds import PODS
from model.routes import Route
from model.storage import Record, Storage
from model.verbs import Verbs
from model.virtual_time import Clock

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


class Workers:
    """Creates, deletes and releases pods; asks for another look when a pause is over."""

    def __init__(
        self,
        storage: Storage,
        verbs: Verbs,
        clock: Clock,
        look_again: Callable[[Record, float], None],
    ) -> None:
        self._storage = storage
        self._verbs = verbs
        self._clock = clock
        self._look_again = look_again
        self._backoff: dict[str, _Backoff] = {}

    def forget(self, uid: str) -> None:
        self._backoff.pop(uid, None)

    def note_failures(self, uid: str, view: View, now: float) -> None:
        record = self._backoff.setdefault(uid, _Backoff())
        ends = [(finished_at(pod, now), False) for pod in view.new_failed]
        ends += [(finished_at(pod, now), True) for pod in view.new_succeeded]
        for end, succeeded in sorted(ends):
            if succeeded:
                record.failures = 0
            else:
                record.failures += 1
                record.last = end

    def manage(self, job: Record, view: View, suspended: bool) -> tuple[int, int]:
        """Create or delete pods; returns how many were deleted and how many are active now."""
        now_active = len(view.active)
        wanted = 0 if suspended else wanted_active(view)
        doomed = self._surplus(view, now_active - wanted)
        if doomed:
            for pod in doomed:
                self.release(pod)  # what the Job itself gives up counts as no failure
            self.delete(doomed)
            return len(doomed), now_active - len(doomed)
        missing = wanted - now_active
        if job.obj["spec"].get("podReplacementPolicy") == "Failed":
            missing -= view.terminating
        if missing <= 0:
            return 0, now_active
        if view.per_index is None:
            pause = self._backoff[job.uid].remaining(self._clock.now())
            if pause > 0:
                self._look_again(job, pause)
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
        made = 0
        for index in places:
            failed = 0 if index is None else failures.get(index, 0)
            try:
                self._verbs.create(route, job_pods.from_template(job, index, failed))
            except ApiError:
                break  # a namespace on its way out, or a name too long: it will look again
            made += 1
        return made

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
            self._look_again(job, min(pauses))
        return ripe

    def delete(self, pods: list[Record]) -> None:
        for pod in pods:
            current = self._storage.get(PODS, *pod.key)
            if current is not None and current.uid == pod.uid:
                delete(self._storage, current, self._clock.now(), Options("Background"))

    def release(self, pod: Record) -> None:
        current = self._storage.get(PODS, *pod.key)
        if current is None or current.uid != pod.uid or not tracked(current):
            return
        kept = [name for name in current.metadata["finalizers"] if name != TRACKING]
        metadata = {key: v for key, v in current.metadata.items() if key != "finalizers"}
        if kept:
            metadata["finalizers"] = kept
        self._verbs.store(current, {**current.obj, "metadata": metadata})
