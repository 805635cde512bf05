"""What the pods of a step do, attempt by attempt, and the script that tells the kubelet.

A step's attempts end as its `endings` say, one after the other; all after them go well. An attempt
of an array's task counts by itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobflows.engine.indexes import IndexSet
from jobflows.manifests import labels
from jobflows.manifests.batch import TASKS
from model import Outcome

OK, FAIL, BAD, HANG, OOM, EVICT, IMAGE = "ok", "fail", "bad", "hang", "oom", "evict", "image"

BAD_CODE = 3
"""Exit code of the ending BAD, about which a podFailurePolicy may have a rule."""


@dataclass(frozen=True, slots=True)
class Script:
    """`endings` are those of the first attempts; `tasks` replaces them for single tasks.

    `needs` is memory in Mi without which a pod is killed, `says` whether it tells a value.
    """

    endings: tuple[str, ...] = ()
    seconds: float = 1.0
    pending: float = 0.0
    needs: int = 0
    says: bool = False
    tasks: Mapping[int, tuple[str, ...]] | None = None

    def of_task(self, task: int) -> tuple[str, ...]:
        """The endings of one task of an array."""
        return (self.tasks or {}).get(task, self.endings)


def ending(endings: tuple[str, ...], number: int) -> str:
    """How the attempt of this number ends, from 1."""
    return endings[number - 1] if number <= len(endings) else OK


class Scripts:
    """Answers the kubelet; told which step of which flow has which script."""

    def __init__(self) -> None:
        self.by_step: dict[tuple[str, str], Script] = {}
        self._tries: Counter[tuple[str, str, int]] = Counter()

    def __call__(self, pod: dict[str, Any]) -> Outcome:
        """The life of one pod; asked once for each."""
        marks = pod["metadata"].get("labels") or {}
        script = self.by_step.get((marks.get(labels.FLOW, ""), marks.get(labels.STEP, "")))
        if script is None:
            return Outcome()
        number, endings = int(marks[labels.ATTEMPT]), script.endings
        task = task_of(pod)
        if task is not None:
            key = (marks[labels.FLOW_UID], marks[labels.STEP], task)
            self._tries[key] += 1
            number, endings = self._tries[key], script.of_task(task)
        return _outcome(pod, script, ending(endings, number))


def task_of(pod: dict[str, Any]) -> int | None:
    """Which task of an array a pod runs; None for a single one."""
    position = (pod["metadata"].get("labels") or {}).get(labels.POSITION)
    if position is None:
        return None
    variables = pod["spec"]["containers"][0].get("env") or ()
    ranges = next((v["value"] for v in variables if v["name"] == TASKS), "")
    return list(IndexSet.parse(ranges))[int(position)]


def _outcome(pod: dict[str, Any], script: Script, how: str) -> Outcome:
    seconds, pending = script.seconds, script.pending
    if script.needs and _memory(pod) < script.needs:
        how = OOM
    if how == FAIL:
        return Outcome(seconds, exit_code=1, pending_for=pending)
    if how == BAD:
        return Outcome(seconds, exit_code=BAD_CODE, pending_for=pending)
    if how == OOM:
        return Outcome(seconds, exit_code=137, reason="OOMKilled", pending_for=pending)
    if how == EVICT:
        return Outcome(seconds, evict=True, pending_for=pending)
    if how == HANG:
        return Outcome(never=True, pending_for=pending)
    if how == IMAGE:
        return Outcome(image_error=True, pending_for=pending)
    return Outcome(seconds, message=value_of(pod) if script.says else "", pending_for=pending)


def value_of(pod: dict[str, Any]) -> str:
    """What a pod says when it is done: which attempt of which step it was."""
    marks = pod["metadata"]["labels"]
    return json.dumps({"by": f"{marks[labels.STEP]}-{marks[labels.ATTEMPT]}"})


def _memory(pod: dict[str, Any]) -> int:
    resources = pod["spec"]["containers"][0].get("resources") or {}
    text = (resources.get("limits") or {}).get("memory", "")
    return int(text[:-2]) * {"Mi": 1, "Gi": 1024}[text[-2:]] if text else 1 << 30
