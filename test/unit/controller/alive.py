"""What is alive on the API server at every moment, counted beside the operator.

An attempt is alive from the creation of its Job until its pod or the Job itself has ended, and a
pod that has lost its Job is alive until it is gone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from jobflows.manifests import labels
from model.storage import Change
from unit.controller.stage import Stage


class Alive:
    """Watches a stage. `peak` and `peaks` are the most attempts alive at once: of all, by flow."""

    def __init__(self, stage: Stage) -> None:
        self.peak = 0
        self.peaks: Counter[str] = Counter()
        self.by_namespace: Counter[str] = Counter()
        self.breaches: list[str] = []
        self._jobs: dict[tuple[str, str], dict[str, Any]] = {}
        self._pods: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        stage.server.storage.listeners.append(self._changed)

    def now(self) -> Iterator[dict[str, Any]]:
        """The metadata of every attempt that is alive."""
        for key in {**self._jobs, **self._pods}:
            job, pods = self._jobs.get(key), self._pods.get(key, {}).values()
            ended = [p for p in pods if p.get("status", {}).get("phase") in ("Succeeded", "Failed")]
            if job is not None and not ended and not _is_over(job):
                yield job["metadata"]
            elif job is None and len(ended) < len(pods):
                yield next(iter(pods))["metadata"]

    def _changed(self, change: Change) -> None:
        kind, new = change.new.kind.plural, change.new.obj
        marks = new["metadata"].get("labels") or {}
        if kind not in ("jobs", "pods") or labels.STEP not in marks:
            return
        namespace = new["metadata"]["namespace"]
        if kind == "jobs":
            key = (namespace, new["metadata"]["name"])
            if change.deleted:
                self._jobs.pop(key, None)
            else:
                self._jobs[key] = new
        else:
            key = (namespace, labels.job_name(*_attempt(marks)))
            pods = self._pods.setdefault(key, {})
            pods[new["metadata"]["name"]] = new
            if change.deleted:
                del pods[new["metadata"]["name"]]
            if not pods:
                del self._pods[key]
        self._measure()

    def _measure(self) -> None:
        alive = list(self.now())
        self.peak = max(self.peak, len(alive))
        self.peaks |= Counter(meta["labels"][labels.FLOW] for meta in alive)
        self.by_namespace |= Counter(meta["namespace"] for meta in alive)
        holders: dict[tuple[str, str], list[int]] = {}
        for meta in alive:
            stated = json.loads((meta.get("annotations") or {}).get(labels.LOCKS, "{}"))
            for name, limit in stated.items():
                holders.setdefault((meta["namespace"], name), []).append(limit)
        for name, limits in holders.items():
            if len(limits) > min(limits):
                self.breaches.append(f"{name}: {limits}")


def _attempt(marks: dict[str, str]) -> tuple[str, str, int]:
    return marks[labels.FLOW], marks[labels.STEP], int(marks[labels.ATTEMPT])


def _is_over(job: dict[str, Any]) -> bool:
    conditions = job.get("status", {}).get("conditions") or ()
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)
