"""A Job and its pods -> one attempt, as the engine sees it.

The pod is believed before the Job: the Job controller batches what its pods did and says so about
a second later. It is safe to, because the Job's tracking finalizer keeps a finished pod until it
has been counted. A failure is only taken from a pod when the Job cannot go on by itself; otherwise
the Job's own `Failed` condition decides, so that its retries are respected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jobflows.api.containers import MAIN
from jobflows.engine import Attempt, AttemptRef, AttemptState, Cause, Instant, Reason
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests.causes import (
    Explanation,
    disruption,
    explain_failure,
    explain_stuck,
)
from jobflows.manifests.holdup import holdup
from jobflows.manifests.records import Condition, ContainerStatus, JobRecord, PodRecord

DETAIL_GRACE = 2.0
"""Seconds to wait for the pod that explains what the Job already says."""


def observe_attempt(
    number: int,
    job: JobRecord | None,
    pods: Sequence[PodRecord],
    *,
    wants_output: bool,
    now: Instant,
) -> Attempt | None:
    """Say how attempt `number` stands; None when nothing of it is left.

    `wants_output` is whether the step has outputs, or measures itself, which only a pod can tell.
    """
    if job is None:
        return _without_job(number, pods)
    pods = [pod for pod in pods if is_pod_of(pod, job)]
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
            output=output_of(done) if done else None,
        )
    if job.metadata.deletionTimestamp is not None:
        words = "the Job is being deleted"
        return Attempt(
            number=number, state=AttemptState.STOPPING, ref=ref, created=created, message=words
        )
    failure = _failure(number, job, pods, ref, wants_output=wants_output, now=now)
    if failure is not None:
        return failure
    running = _running(number, ref, created, "", None)
    stuck = explain_stuck(pods)
    if stuck is not None:
        return replace(running, cause=stuck.cause, reason=stuck.reason, message=stuck.message)
    return _held_up(running, job, pods)


def _without_job(number: int, pods: Sequence[PodRecord]) -> Attempt | None:
    """The Job is gone. A pod that had succeeded still counts; one that runs is on its way out."""
    for pod in pods:
        owner = pod.metadata.owner
        ref = AttemptRef(owner.name, owner.uid) if owner else AttemptRef(pod.metadata.name)
        if pod.status.phase == "Succeeded":
            return Attempt(
                number=number, state=AttemptState.SUCCEEDED, ref=ref, output=output_of(pod)
            )
        if pod.status.phase != "Failed":
            words = "its Job is gone, its pod is not yet"
            return Attempt(number=number, state=AttemptState.STOPPING, ref=ref, message=words)
    return None


def is_pod_of(pod: PodRecord, job: JobRecord) -> bool:
    """Whether a pod is this Job's, and not of one that had its name before."""
    owner = pod.metadata.owner
    return owner is not None and owner.uid == job.metadata.uid


def _done_pod(job: JobRecord, pods: Sequence[PodRecord]) -> PodRecord | None:
    if not job.is_single:
        return None
    return next((pod for pod in pods if pod.status.phase == "Succeeded"), None)


def _failure(
    number: int,
    job: JobRecord,
    pods: Sequence[PodRecord],
    ref: AttemptRef,
    *,
    wants_output: bool,
    now: Instant,
) -> Attempt | None:
    pod = _culprit(pods)
    verdict = job.condition("Failed")
    final_by_pod = pod is not None and job.is_single_try and not _is_deleted(pod)
    if verdict is None and not final_by_pod:
        return None
    created = parse_rfc3339(job.metadata.creationTimestamp)
    if pod is None and verdict is not None:
        since = parse_rfc3339(verdict.lastTransitionTime) or now
        if now < since + DETAIL_GRACE and verdict.reason != "DeadlineExceeded":
            return _running(number, ref, created, verdict.message, since + DETAIL_GRACE)
    why = _why(job, pod, verdict)
    said = output_of(pod) if wants_output and pod is not None else None
    return Attempt(
        number=number,
        state=AttemptState.FAILED,
        ref=ref,
        created=created,
        cause=why.cause,
        reason=why.reason,
        message=why.message,
        exit_codes=why.exit_codes,
        output=said,
    )


def _culprit(pods: Sequence[PodRecord]) -> PodRecord | None:
    """The pod that tells why: the newest that failed, and not one that was told to go."""
    failed = (pod for pod in pods if pod.status.phase == "Failed")
    return max(
        failed,
        key=lambda pod: (
            not _is_deleted(pod),
            pod.metadata.creationTimestamp,
            int(pod.metadata.resourceVersion),
        ),
        default=None,
    )


def _why(job: JobRecord, pod: PodRecord | None, verdict: Condition | None) -> Explanation:
    if verdict is not None and verdict.reason == "DeadlineExceeded":
        codes = explain_failure(pod).exit_codes if pod is not None else {}
        words = f"the Job's activeDeadlineSeconds is over: {verdict.message}"
        return Explanation(Cause.TIMEOUT, verdict.reason, words, codes)
    lost = job.is_single_try and (pod is None or _is_deleted(pod))
    if lost and verdict is not None and verdict.reason == "BackoffLimitExceeded":
        words = f"the pod of {job.metadata.name} was deleted before it had finished"
        return Explanation(Cause.DISRUPTION, Reason.POD_DELETED, words, {})
    if pod is not None:
        return explain_failure(pod)
    assert verdict is not None  # without a pod the Job has spoken
    return Explanation(Cause.APPLICATION, verdict.reason, verdict.message, {})


def _is_deleted(pod: PodRecord) -> bool:
    """Whether somebody deleted it: the Job at its own end, or a person. Its Job says which."""
    return pod.metadata.deletionTimestamp is not None and disruption(pod) is None


def output_of(pod: PodRecord) -> str:
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
