"""Why a pod failed, or why it will never run: the cause decides which budget pays.

What can be known, and what cannot:
- `OOMKilled` is the runtime's word that the kernel killed for want of memory in this container.
  With cgroup v2 the whole container dies, so the word is there.
- With cgroup v1, and where the kubelet kills single processes, a child may die and PID 1 live on
  and exit as it likes. containerd says `OOMKilled` even then; where the runtime does not, a shell
  that ends with its child's 137 and says `Killed` is taken as evidence. Who sends SIGKILL to a
  child inside a container otherwise is the program itself.
- 137 alone is SIGKILL from anybody: a failure of the program, and the message says that it may
  have been memory. A child's end that PID 1 hides behind another exit code cannot be seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jobflows.engine import Cause
from jobflows.manifests.records import Condition, ContainerStatus, PodRecord, Terminated

OOM_KILLED = "OOMKilled"

SIGKILL = 137
"""128 + 9, as a shell and a runtime say it."""

_SAYS_KILLED = re.compile(r"^(?:\S+: line \d+: +\d+ )?Killed\b", re.MULTILINE)
"""A shell on the death of its child: `Killed`, or `bash: line 1: 7 Killed  ./train`."""

_DISRUPTIONS = frozenset(
    {
        "Evicted",
        "NodeAffinity",
        "NodeLost",
        "NodeShutdown",
        "OutOfcpu",
        "OutOfmemory",
        "OutOfpods",
        "Preempting",
        "Shutdown",
        "Terminated",
        "UnexpectedAdmissionError",
    }
)
"""`status.reason` of pods that ended, or were not let in, through no fault of the program."""

_STUCK = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
    }
)
"""Waits that end only if somebody changes something. `ErrImagePull` is not one: the kubelet tries
once more by itself before it says `ImagePullBackOff`."""

_NEVER_STARTED = frozenset({"ContainerCannotRun", "StartError"})
"""Reasons of containers whose command could not be executed."""


class Explanation(NamedTuple):
    """Cause, one word, a sentence for people, and exit codes of failed containers by name."""

    cause: Cause
    reason: str
    message: str
    exit_codes: Mapping[str, int]


def disruption(pod: PodRecord) -> Condition | None:
    """The condition of a pod that was preempted, evicted or lost with its node."""
    return next(
        (c for c in pod.status.conditions if c.type == "DisruptionTarget" and c.status == "True"),
        None,
    )


def explain_failure(pod: PodRecord) -> Explanation:
    """Why a failed pod failed."""
    name, status = pod.metadata.name, pod.status
    ended = [(c, state) for c in status.all_containers if (state := _failed(c)) is not None]
    codes = {container.name: state.exitCode for container, state in ended}
    target = disruption(pod)
    if target is not None:
        words = f"pod {name} was disrupted: {target.message}"
        return Explanation(Cause.DISRUPTION, target.reason or "Disrupted", words, codes)
    if status.reason in _DISRUPTIONS:
        words = f"pod {name}: {status.message or status.reason}"
        return Explanation(Cause.DISRUPTION, status.reason, words, codes)
    if status.reason == "DeadlineExceeded":
        words = f"the pod's activeDeadlineSeconds is over: {status.message}"
        return Explanation(Cause.TIMEOUT, status.reason, words, codes)
    if not ended:
        words = status.message or f"pod {name} failed"
        return Explanation(Cause.APPLICATION, status.reason or "PodFailed", words, codes)
    return _explain_exit(ended)._replace(exit_codes=codes)


def explain_stuck(pods: Sequence[PodRecord]) -> Explanation | None:
    """Why a pod that waits will never run; None when none waits in vain."""
    for pod in pods:
        meta, status = pod.metadata, pod.status
        if status.phase != "Pending" or meta.deletionTimestamp or disruption(pod) is not None:
            continue
        for container in status.all_containers:
            waiting = container.state.waiting
            if waiting is not None and waiting.reason in _STUCK:
                words = f"container {container.name} cannot run: {waiting.reason}"
                said = f": {waiting.message}" if waiting.message else ""
                return Explanation(Cause.CONFIGURATION, waiting.reason, words + said, {})
    return None


def _explain_exit(ended: Sequence[tuple[ContainerStatus, Terminated]]) -> Explanation:
    """Why a pod failed whose containers say it: the one that ran out of memory, or the first."""
    for container, state in ended:
        last = container.lastState.terminated
        if OOM_KILLED in (state.reason, last and last.reason):
            words = f"container {container.name} exited with code {state.exitCode} ({OOM_KILLED})"
            return Explanation(Cause.OUT_OF_MEMORY, OOM_KILLED, words + _said(state), {})
    container, state = ended[0]
    words = f"container {container.name} exited with code {state.exitCode}"
    reason = state.reason or "Error"
    if reason in _NEVER_STARTED:
        words = f"container {container.name} cannot run: {reason}"
        return Explanation(Cause.CONFIGURATION, reason, words + _said(state), {})
    cause = Cause.APPLICATION
    if state.exitCode == SIGKILL and _SAYS_KILLED.search(state.message):
        cause = Cause.OUT_OF_MEMORY
        words += " (a process of it was killed, most likely for want of memory)"
    elif state.exitCode == SIGKILL:
        words += " (killed, perhaps for want of memory)"
    elif reason != "Error":
        words += f" ({reason})"
    return Explanation(cause, reason, words + _said(state), {})


def _failed(container: ContainerStatus) -> Terminated | None:
    ended = container.state.terminated
    return ended if ended is not None and ended.exitCode != 0 else None


def _said(state: Terminated) -> str:
    text = state.message.strip()
    return f": {text}" if text else ""
