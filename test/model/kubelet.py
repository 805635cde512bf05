"""Scheduler and kubelet in one: pods are bound, start, run and end as their `Outcome` says.

A deleted pod is stopped first (phase Failed, exit code 137) and removed after, which its
finalizers may still hold up: the Job controller's keeps a pod until it has been counted.
"""

from __future__ import annotations

from collections.abc import Callable

from model.deletion import Options, delete
from model.kinds import PODS
from model.outcomes import Outcome
from model.storage import Change, Object, Record, Storage
from model.strategy import timestamp
from model.verbs import Verbs
from model.virtual_time import Clock

BIND_SECONDS = 0.01
START_SECONDS = 0.05
STOP_SECONDS = 0.05
NODE = "node-0"
ENDED = ("Succeeded", "Failed")


class Kubelet:
    """One node with room for everything."""

    def __init__(
        self,
        storage: Storage,
        verbs: Verbs,
        clock: Clock,
        outcome: Callable[[Object], Outcome],
    ) -> None:
        self._storage = storage
        self._verbs = verbs
        self._clock = clock
        self._outcome = outcome
        storage.listeners.append(self._changed)

    def disrupt(self, namespace: str, name: str, reason: str) -> None:
        """A pod that has not ended is lost: with its node, or to somebody more important."""
        pod = self._storage.get(PODS, namespace, name)
        if pod is not None and pod.obj["status"]["phase"] not in ENDED:
            condition = self._condition("DisruptionTarget", "True", reason)
            status = _with_condition(pod.obj["status"], condition)
            self._terminate(pod, status, 137, "Error", "")

    def _changed(self, change: Change) -> None:
        pod = change.new
        if pod.kind is not PODS or change.deleted:
            return
        if change.old is None:
            self._later(BIND_SECONDS, pod, self._bind)
        elif "deletionTimestamp" in pod.metadata and "nodeName" in pod.obj["spec"]:
            was = "deletionTimestamp" in change.old.metadata
            ended = pod.obj["status"]["phase"] in ENDED
            if not was or (ended and pod.metadata.get("deletionGracePeriodSeconds")):
                self._later(STOP_SECONDS, pod, self._stop)

    def _later(self, seconds: float, pod: Record, act: Callable[[Record], None]) -> None:
        def wake() -> None:
            now = self._storage.get(PODS, pod.namespace, pod.name)
            if now is not None and now.uid == pod.uid:
                act(now)

        self._clock.call_later(seconds, wake)

    def _bind(self, pod: Record) -> None:
        if "deletionTimestamp" in pod.metadata:
            return
        spec = {**pod.obj["spec"], "nodeName": NODE}
        status = _with_condition(pod.obj["status"], self._condition("PodScheduled", "True"))
        pod = self._verbs.store(pod, {**pod.obj, "spec": spec, "status": status})
        outcome = self._outcome(pod.obj)
        begin = START_SECONDS + outcome.pending_for
        if outcome.image_error:
            self._later(begin, pod, self._wait_for_image)
        else:
            self._later(begin, pod, lambda now: self._start(now, outcome))

    def _wait_for_image(self, pod: Record) -> None:
        if "deletionTimestamp" in pod.metadata:
            return
        message = f'Back-off pulling image "{pod.obj["spec"]["containers"][0].get("image", "")}"'
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
        containers = [_container(spec, waiting) for spec in pod.obj["spec"]["containers"]]
        self._write(pod, {"containerStatuses": containers, "startTime": self._now()})

    def _start(self, pod: Record, outcome: Outcome) -> None:
        if "deletionTimestamp" in pod.metadata or pod.obj["status"]["phase"] != "Pending":
            return
        running = {"running": {"startedAt": self._now()}}
        status = pod.obj["status"]
        for kind in ("Initialized", "ContainersReady", "Ready"):
            status = _with_condition(status, self._condition(kind, "True"))
        status = {
            **status,
            "phase": "Running",
            "startTime": self._now(),
            "containerStatuses": [
                _container(spec, running, ready=True) for spec in pod.obj["spec"]["containers"]
            ],
        }
        pod = self._write(pod, status)
        if not outcome.never:
            self._later(outcome.run_for, pod, lambda now: self._end(now, outcome))
        deadline = pod.obj["spec"].get("activeDeadlineSeconds")
        if deadline is not None and (outcome.never or outcome.run_for > deadline):
            self._later(deadline, pod, self._expire)

    def _end(self, pod: Record, outcome: Outcome) -> None:
        if pod.obj["status"]["phase"] in ENDED or "deletionTimestamp" in pod.metadata:
            return
        if outcome.evict:
            condition = self._condition("DisruptionTarget", "True", "EvictionByEvictionAPI")
            status = _with_condition(pod.obj["status"], condition)
            status |= {
                "reason": "Evicted",
                "message": outcome.message or "The node was low on memory",
            }
            self._terminate(pod, status, 137, "Error", "")
            return
        reason = outcome.reason or ("Error" if outcome.exit_code else "Completed")
        status = pod.obj["status"]
        self._terminate(pod, status, outcome.exit_code, reason, outcome.message)

    def _expire(self, pod: Record) -> None:
        """It ran longer than its own `activeDeadlineSeconds`."""
        if pod.obj["status"]["phase"] in ENDED or "deletionTimestamp" in pod.metadata:
            return
        words = "Pod was active on the node longer than the specified deadline"
        status = {**pod.obj["status"], "reason": "DeadlineExceeded", "message": words}
        self._terminate(pod, status, 137, "Error", "")

    def _terminate(self, pod: Record, status: Object, code: int, reason: str, text: str) -> None:
        started = pod.obj["status"].get("startTime", self._now())
        containers = []
        for index, spec in enumerate(pod.obj["spec"]["containers"]):
            ended = {
                "exitCode": 0 if index else code,
                "reason": "Completed" if index else reason,
                "startedAt": started,
                "finishedAt": self._now(),
            }
            if text and not index:
                ended["message"] = text
            containers.append(_container(spec, {"terminated": ended}))
        for kind in ("Ready", "ContainersReady"):
            why = "PodFailed" if code else "PodCompleted"
            status = _with_condition(status, self._condition(kind, "False", why))
        phase = "Failed" if code else "Succeeded"
        self._write(pod, {**status, "phase": phase, "containerStatuses": containers})

    def _stop(self, pod: Record) -> None:
        """A deleted pod: end it if it still runs, then let it go."""
        if pod.obj["status"]["phase"] not in ENDED:
            self._terminate(pod, pod.obj["status"], 137, "Error", "")
        current = self._storage.get(PODS, pod.namespace, pod.name)
        if current is not None and current.uid == pod.uid:
            delete(self._storage, current, self._clock.now(), Options("Background", grace=0))

    def _write(self, pod: Record, status: Object) -> Record:
        return self._verbs.store(pod, {**pod.obj, "status": {**pod.obj["status"], **status}})

    def _now(self) -> str:
        return timestamp(self._clock.now())

    def _condition(self, kind: str, status: str, reason: str = "") -> Object:
        condition: Object = {"type": kind, "status": status, "lastTransitionTime": self._now()}
        return {**condition, "reason": reason} if reason else condition


def _with_condition(status: Object, condition: Object) -> Object:
    others = [c for c in status.get("conditions") or () if c["type"] != condition["type"]]
    return {**status, "conditions": [*others, condition]}


def _container(spec: Object, state: Object, *, ready: bool = False) -> Object:
    return {
        "name": spec["name"],
        "image": spec.get("image", ""),
        "imageID": "",
        "ready": ready,
        "restartCount": 0,
        "started": ready,
        "state": state,
    }
