"""Why an attempt failed, by what its pod shows: every cause, and what must not be taken for it."""

from __future__ import annotations

from typing import Any

import pytest

from jobflows.engine import Attempt, AttemptState, Cause
from jobflows.engine.times import parse_rfc3339, rfc3339
from jobflows.manifests.observe import DETAIL_GRACE, observe_attempt
from jobflows.manifests.records import JobRecord, PodRecord
from unit.controller.objects import condition, job_record, pod_record

NOW = parse_rfc3339("2026-01-01T00:10:00Z")
LONG_AGO = rfc3339(NOW - 60)
JOB = job_record()

APPLICATION, CONFIGURATION = Cause.APPLICATION, Cause.CONFIGURATION
DISRUPTION, MEMORY, TIMEOUT = Cause.DISRUPTION, Cause.OUT_OF_MEMORY, Cause.TIMEOUT


def seen(job: JobRecord, *pods: PodRecord, now: float = NOW) -> Attempt:
    attempt = observe_attempt(1, job, pods, wants_output=False, now=now)
    assert attempt is not None
    return attempt


def ended(code: int = 1, name: str = "main", last: str = "", **state: str) -> dict[str, Any]:
    container: dict[str, Any] = {"name": name}
    container["state"] = {"terminated": {"exitCode": code, **state}}
    if last:
        container["lastState"] = {"terminated": {"exitCode": 137, "reason": last}}
    return container


def waiting(reason: str, message: str = "", name: str = "main") -> dict[str, Any]:
    said = {"reason": reason, "message": message}
    return {"name": name, "state": {"waiting": said}}


def failed(*containers: dict[str, Any], init: Any = (), **status: Any) -> PodRecord:
    statuses = {"containerStatuses": list(containers), "initContainerStatuses": list(init)}
    return pod_record("Failed", status={**statuses, **status})


TARGET = condition("DisruptionTarget", "DeletionByTaintManager", "the node is gone")
LAST_WORDS = "loading\n/run.sh: line 3:    17 Killed                  ./train --all\n"

FAILURES: dict[str, tuple[PodRecord, Cause, str, str]] = {
    "a failure": (failed(ended(3)), APPLICATION, "Error", "exited with code 3"),
    "out of memory": (
        failed(ended(137, reason="OOMKilled")), MEMORY, "OOMKilled", "code 137 (OOMKilled)",
    ),
    "out of memory beside a failure": (
        failed(ended(1, "side"), ended(137, reason="OOMKilled")), MEMORY, "OOMKilled", "main",
    ),
    "an init container out of memory": (
        failed(init=[ended(137, "fetch", reason="OOMKilled")]), MEMORY, "OOMKilled", "fetch",
    ),
    "out of memory before the kubelet started it again": (
        failed(ended(1, last="OOMKilled")), MEMORY, "OOMKilled", "code 1",
    ),
    "a child out of memory, as containerd says": (
        failed(ended(1, reason="OOMKilled")), MEMORY, "OOMKilled", "code 1",
    ),
    "a child that a shell saw killed": (
        failed(ended(137, message="Killed\n")), MEMORY, "Error", "for want of memory",
    ),
    "a child that bash saw killed": (
        failed(ended(137, message=LAST_WORDS)), MEMORY, "Error", "for want of memory",
    ),
    "a kill that nobody explains": (
        failed(ended(137)), APPLICATION, "Error", "perhaps for want of memory",
    ),
    "a word that happens to be there": (
        failed(ended(137, message="jobs Killed: 3")), APPLICATION, "Error", "perhaps",
    ),
    "killed, but with another exit code": (
        failed(ended(1, message="Killed\n")), APPLICATION, "Error", "exited with code 1",
    ),
    "a disruption that killed it": (
        failed(ended(137, reason="OOMKilled"), conditions=[TARGET]),
        DISRUPTION, "DeletionByTaintManager", "the node is gone",
    ),
    "a node that is low on memory": (
        failed(ended(137), reason="Evicted", message="low on memory"),
        DISRUPTION, "Evicted", "low on memory",
    ),
    "a node that would not have it": (
        failed(reason="OutOfcpu", message="no room"), DISRUPTION, "OutOfcpu", "no room",
    ),
    "the pod's own deadline": (
        failed(ended(143), reason="DeadlineExceeded", message="Pod was active too long"),
        TIMEOUT, "DeadlineExceeded", "activeDeadlineSeconds",
    ),
    "a command that is not there": (
        failed(ended(128, reason="StartError", message="no such file")),
        CONFIGURATION, "StartError", "container main cannot run: StartError: no such file",
    ),
    "a command that docker could not run": (
        failed(ended(127, reason="ContainerCannotRun")), CONFIGURATION, "ContainerCannotRun", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_the_cause_of_a_failure(case: str) -> None:
    pod, cause, reason, words = FAILURES[case]
    attempt = seen(JOB, pod)
    assert attempt.state is AttemptState.FAILED
    assert (attempt.cause, attempt.reason) == (cause, reason)
    assert words in attempt.message


@pytest.mark.parametrize(
    "reason",
    [
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
    ],
)
@pytest.mark.parametrize("group", ["containerStatuses", "initContainerStatuses"])
def test_a_pod_that_will_never_run_says_so_while_its_job_lives(reason: str, group: str) -> None:
    attempt = seen(JOB, pod_record("Pending", status={group: [waiting(reason, "not found")]}))
    assert (attempt.state, attempt.cause) == (AttemptState.RUNNING, CONFIGURATION)
    assert attempt.reason == reason
    assert attempt.message == f"container main cannot run: {reason}: not found"


@pytest.mark.parametrize("reason", ["ErrImagePull", "ContainerCreating", "PodInitializing"])
def test_the_kubelet_may_try_once_more_by_itself(reason: str) -> None:
    attempt = seen(JOB, pod_record("Pending", status={"containerStatuses": [waiting(reason)]}))
    assert (attempt.state, attempt.cause) == (AttemptState.RUNNING, APPLICATION)


def test_a_pod_on_its_way_out_is_not_stuck() -> None:
    status = {"containerStatuses": [waiting("ImagePullBackOff")]}
    pod = pod_record("Pending", status=status, deletionTimestamp=LONG_AGO)
    assert seen(JOB, pod).cause is APPLICATION
    moved = pod_record("Pending", status={**status, "conditions": [TARGET]})
    assert seen(JOB, moved).cause is APPLICATION


def job_over(at: float, **spec: Any) -> JobRecord:
    said = condition("Failed", "BackoffLimitExceeded", "the limit is reached", rfc3339(at))
    return job_record(conditions=(said,), spec={"backoffLimit": 0, **spec})


def test_scenario_23_a_pod_that_was_deleted_is_lost() -> None:
    deleted = pod_record(
        "Failed", status={"containerStatuses": [ended(143)]}, deletionTimestamp=LONG_AGO
    )
    assert seen(JOB, deleted).state is AttemptState.RUNNING  # its Job has not counted it yet
    told = seen(job_over(NOW), deleted)
    assert (told.state, told.cause) == (AttemptState.FAILED, DISRUPTION)
    assert told.reason == "PodDeleted"


def test_scenario_23_a_pod_that_was_deleted_by_force_is_lost() -> None:
    job = job_over(NOW)
    unknown = seen(job)
    assert (unknown.state, unknown.recheck_at) == (AttemptState.RUNNING, NOW + DETAIL_GRACE)
    assert seen(job, failed(ended(3))).cause is APPLICATION
    lost = seen(job, now=NOW + DETAIL_GRACE)
    assert (lost.state, lost.cause) == (AttemptState.FAILED, DISRUPTION)


def test_a_job_that_removes_its_own_pods_has_not_lost_them() -> None:
    in_place = {"template": {"spec": {"restartPolicy": "OnFailure"}}}
    assert seen(job_over(NOW - 60, **in_place)).cause is APPLICATION
    assert seen(job_over(NOW - 60, backoffLimit=3)).cause is APPLICATION


def test_the_pod_that_failed_explains_and_not_one_that_was_told_to_go() -> None:
    guilty = failed(ended(137, reason="OOMKilled"))
    swept = pod_record(
        "Failed",
        uid="late",
        status={"containerStatuses": [ended(143)]},
        creationTimestamp="2026-01-01T00:00:09Z",
        deletionTimestamp=LONG_AGO,
    )
    job = job_over(NOW, completions=2, parallelism=2)
    assert seen(job, guilty, swept).cause is seen(job, swept, guilty).cause is MEMORY
