"""A Job and its pods -> one attempt, as the engine sees it.

The pod is believed before the Job: the Job controller batches what its pods did and says so about
a second later. It is safe to, because the Job's tracking finalizer keeps a finished pod until it
has been counted. A failure is only taken from a pod when the Job cannot go on by itself; otherwise
the Job's own `Failed` condition decides, so that its retries are respected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from jobflows.engine import Attempt, AttemptRef, AttemptState, Cause, Instant
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests.holdup import holdup
from jobflows.manifests.records import Condition, ContainerStatus, JobRecord, PodRecord, Terminated

DETAIL_GRACE = 2.0
"""Seconds to wait for the pod that explains what the Job already says."""

MAIN = "main"

_DISRUPTIONS = frozenset(
    {"Evicted", "NodeLost", "Preempting", "Shutdown", "NodeShutdown", "Terminated"}
)
"""`status.reason` of pods that ended through no fault of the program, before DisruptionTarget."""


def observe_attempt(
    number: int,
    job: JobRecord | None,
    pods: Sequence[PodRecord],
    *,
    wants_output: bool,
    now: Instant,
) -> Attempt | None:
    """Say how attempt `number` stands; None when nothing of it is left.

    `wants_output` is whether the step declares outputs, which only a pod can tell.
    """
    if job is None:
        return _without_job(number, pods)
    pods = [pod for pod in pods if _belongs(pod, job)]
    ref = AttemptRef(job.metadata.name, job.metadata.uid)
    created = parse_rfc3339(job.metadata.creationTimestamp)
    done = _done_pod(job, pods)
    complete = job.condition("Complete") or job.condition("SuccessCriteriaMet")
    if done is not None or complete is not None:
        since = parse_rfc3339(complete.lastTransitionTime) if complete else None
        if done is None and wants_output and since is not None and now < since + DETAIL_GRACE:
            return _running(number, ref, created, "", since + DETAIL_GRACE)
        return Attempt(
            number=number,
            state=AttemptState.SUCCEEDED,
            ref=ref,
            created=created,
            output=_output(done) if done else None,
        )
    if job.metadata.deletionTimestamp is not None:
        words = "the Job is being deleted"
        return Attempt(
            number=number, state=AttemptState.STOPPING, ref=ref, created=created, message=words
        )
    failure = _failure(number, job, pods, ref, now)
    return failure or _held_up(_running(number, ref, created, "", None), job, pods)


def _without_job(number: int, pods: Sequence[PodRecord]) -> Attempt | None:
    """The Job is gone. A pod that had succeeded still counts; one that runs is on its way out."""
    for pod in pods:
        owner = pod.metadata.owner
        ref = AttemptRef(owner.name, owner.uid) if owner else AttemptRef(pod.metadata.name)
        if pod.status.phase == "Succeeded":
            return Attempt(
                number=number, state=AttemptState.SUCCEEDED, ref=ref, output=_output(pod)
            )
        if pod.status.phase != "Failed":
            words = "its Job is gone, its pod is not yet"
            return Attempt(number=number, state=AttemptState.STOPPING, ref=ref, message=words)
    return None


def _belongs(pod: PodRecord, job: JobRecord) -> bool:
    """Whether a pod is this Job's, and not of one that had its name before."""
    owner = pod.metadata.owner
    return owner is not None and owner.uid == job.metadata.uid


def _done_pod(job: JobRecord, pods: Sequence[PodRecord]) -> PodRecord | None:
    if not job.is_single:
        return None
    return next((pod for pod in pods if pod.status.phase == "Succeeded"), None)


def _failure(
    number: int, job: JobRecord, pods: Sequence[PodRecord], ref: AttemptRef, now: Instant
) -> Attempt | None:
    failed = sorted(
        (pod for pod in pods if pod.status.phase == "Failed"),
        key=lambda pod: (pod.metadata.creationTimestamp, int(pod.metadata.resourceVersion)),
    )
    pod = failed[-1] if failed else None
    verdict = job.condition("Failed")
    final_by_pod = (
        pod is not None
        and job.is_single
        and job.spec.backoffLimit == 0
        and job.spec.podFailurePolicy is None
        and not _is_killed(pod)
    )
    if verdict is None and not final_by_pod:
        return None
    created = parse_rfc3339(job.metadata.creationTimestamp)
    if pod is None and verdict is not None:
        since = parse_rfc3339(verdict.lastTransitionTime) or now
        if now < since + DETAIL_GRACE and verdict.reason != "DeadlineExceeded":
            return _running(number, ref, created, verdict.message, since + DETAIL_GRACE)
    cause, reason, message = Cause.APPLICATION, "", ""
    codes: dict[str, int] = {}
    if pod is not None:
        cause, reason, message, codes = explain_failure(pod)
    if verdict is not None and verdict.reason == "DeadlineExceeded":
        cause, reason = Cause.TIMEOUT, verdict.reason
        message = f"the Job's activeDeadlineSeconds is over: {verdict.message}"
    elif verdict is not None and pod is None:
        reason, message = verdict.reason, verdict.message
    return Attempt(
        number=number,
        state=AttemptState.FAILED,
        ref=ref,
        created=created,
        cause=cause,
        reason=reason,
        message=message,
        exit_codes=codes,
    )


def _is_killed(pod: PodRecord) -> bool:
    """Whether somebody deleted it: the Job at its own deadline, or a person. Its Job says which."""
    return pod.metadata.deletionTimestamp is not None and _disruption(pod) is None


def _disruption(pod: PodRecord) -> Condition | None:
    """The condition of a pod that was preempted, evicted or lost with its node."""
    return next(
        (c for c in pod.status.conditions if c.type == "DisruptionTarget" and c.status == "True"),
        None,
    )


def explain_failure(pod: PodRecord) -> tuple[Cause, str, str, dict[str, int]]:
    """Why a pod failed: cause, reason, words for people, exit codes by container."""
    ended = list(_failed_containers(pod))
    codes = {name: state.exitCode for name, state in ended}
    disruption = _disruption(pod)
    if disruption is not None:
        words = f"pod {pod.metadata.name} was disrupted: {disruption.message}"
        return Cause.DISRUPTION, disruption.reason or "Disrupted", words, codes
    if pod.status.reason in _DISRUPTIONS:
        words = f"pod {pod.metadata.name}: {pod.status.message or pod.status.reason}"
        return Cause.DISRUPTION, pod.status.reason, words, codes
    if not ended:
        reason = pod.status.reason or "PodFailed"
        words = pod.status.message or f"pod {pod.metadata.name} failed"
        cause = Cause.TIMEOUT if reason == "DeadlineExceeded" else Cause.APPLICATION
        return cause, reason, words, codes
    name, state = ended[0]
    said = f": {state.message.strip()}" if state.message.strip() else ""
    words = f"container {name} exited with code {state.exitCode}"
    if state.reason and state.reason != "Error":
        words += f" ({state.reason})"
    return Cause.APPLICATION, state.reason or "Error", words + said, codes


def _failed_containers(pod: PodRecord) -> Iterable[tuple[str, Terminated]]:
    for status in (*pod.status.initContainerStatuses, *pod.status.containerStatuses):
        ended = status.state.terminated
        if ended is not None and ended.exitCode != 0:
            yield status.name, ended


def _output(pod: PodRecord) -> str:
    """The termination message of the container `main`, or of the first one."""
    statuses: Sequence[ContainerStatus] = pod.status.containerStatuses
    chosen = next((s for s in statuses if s.name == MAIN), statuses[0] if statuses else None)
    ended = chosen.state.terminated if chosen else None
    return ended.message if ended else ""


def _held_up(attempt: Attempt, job: JobRecord, pods: Sequence[PodRecord]) -> Attempt:
    """The attempt with what keeps it from running, if something does."""
    found = holdup(job, pods)
    return replace(attempt, reason=found.reason, message=found.message) if found else attempt


def _running(
    number: int, ref: AttemptRef, created: Instant | None, message: str, recheck: Instant | None
) -> Attempt:
    return Attempt(
        number=number,
        state=AttemptState.RUNNING,
        ref=ref,
        created=created,
        message=message,
        recheck_at=recheck,
    )
