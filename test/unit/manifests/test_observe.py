"""A Job and its pods as one attempt: every way in which they can stand."""

from __future__ import annotations

from typing import Any

import pytest

from jobflows.engine import Attempt, AttemptState, Cause
from jobflows.engine.times import parse_rfc3339, rfc3339
from jobflows.manifests.observe import DETAIL_GRACE, observe_attempt
from jobflows.manifests.records import JobRecord, PodRecord
from unit.controller.objects import condition, job_record, pod_record

NOW = parse_rfc3339("2026-01-01T00:10:00Z")
JUST_NOW = rfc3339(NOW - 1)
LONG_AGO = rfc3339(NOW - 60)

RUNNING, SUCCEEDED = AttemptState.RUNNING, AttemptState.SUCCEEDED
FAILED, STOPPING = AttemptState.FAILED, AttemptState.STOPPING


def seen(
    job: JobRecord | None, *pods: PodRecord, wants_output: bool = False, now: float = NOW
) -> Attempt:
    attempt = observe_attempt(1, job, pods, wants_output=wants_output, now=now)
    assert attempt is not None
    return attempt


def ended(code: int = 1, name: str = "main", **state: str) -> dict[str, Any]:
    return {"name": name, "state": {"terminated": {"exitCode": code, **state}}}


def failed_pod(*containers: dict[str, Any], **more: Any) -> PodRecord:
    status = {"containerStatuses": list(containers or (ended(),))} | more.pop("status", {})
    return pod_record("Failed", status=status, **more)


JOB = job_record()
PATIENT = job_record(spec={"backoffLimit": 3})
FOUR = job_record(spec={"completions": 4, "parallelism": 2})
INDEXED = job_record(spec={"completions": 4, "parallelism": 4, "completionMode": "Indexed"})
DYING = job_record(deletionTimestamp=LONG_AGO)


def over(reason: str = "BackoffLimitExceeded", at: str = LONG_AGO, **more: Any) -> JobRecord:
    said = condition("Failed", reason, "it has reached the limit", at)
    return job_record(conditions=(said,), **more)


COMPLETE = job_record(conditions=(condition("Complete", at=LONG_AGO),))
CRITERIA = job_record(conditions=(condition("SuccessCriteriaMet", at=LONG_AGO),))

STATES: dict[str, tuple[JobRecord | None, list[PodRecord], AttemptState]] = {
    "a new job": (JOB, [], RUNNING),
    "a pending pod": (JOB, [pod_record("Pending")], RUNNING),
    "a running pod": (JOB, [pod_record("Running")], RUNNING),
    "the pod says so before the job": (JOB, [pod_record("Succeeded")], SUCCEEDED),
    "the job says so alone": (COMPLETE, [], SUCCEEDED),
    "the job is about to say so": (CRITERIA, [], SUCCEEDED),
    "one pod of four": (FOUR, [pod_record("Succeeded")], RUNNING),
    "one index of four": (INDEXED, [pod_record("Succeeded")], RUNNING),
    "a failed index": (INDEXED, [failed_pod()], RUNNING),
    "no retries left": (JOB, [failed_pod()], FAILED),
    "the job retries by itself": (PATIENT, [failed_pod()], RUNNING),
    "the job's own retry succeeds": (
        PATIENT, [failed_pod(), pod_record("Succeeded", uid="pod-2")], SUCCEEDED,
    ),
    "the job gives up": (over(spec={"backoffLimit": 3}), [failed_pod()], FAILED),
    "its own rules decide": (
        job_record(spec={"podFailurePolicy": {"rules": []}}), [failed_pod()], RUNNING,
    ),
    "a pod that somebody deletes": (JOB, [failed_pod(deletionTimestamp=LONG_AGO)], RUNNING),
    "being deleted": (DYING, [pod_record("Running")], STOPPING),
    "being deleted after its success": (DYING, [pod_record("Succeeded")], SUCCEEDED),
    "being deleted after its failure": (DYING, [failed_pod()], STOPPING),
    "gone, its pod had succeeded": (None, [pod_record("Succeeded")], SUCCEEDED),
    "gone, its pod runs": (None, [pod_record("Running")], STOPPING),
    "the pod of a job that had the name before failed": (JOB, [failed_pod(job="old")], RUNNING),
    "the pod of a job that had the name before succeeded": (
        JOB, [pod_record("Succeeded", job="old")], RUNNING,
    ),
    "a pod that nobody owns": (JOB, [failed_pod(ownerReferences=[])], RUNNING),
}  # fmt: skip


@pytest.mark.parametrize("case", STATES)
def test_how_an_attempt_stands(case: str) -> None:
    job, pods, state = STATES[case]
    assert seen(job, *pods).state is state


@pytest.mark.parametrize("pods", [[], [failed_pod()]])
def test_nothing_is_left_of_a_job_that_is_gone(pods: list[PodRecord]) -> None:
    assert observe_attempt(1, None, pods, wants_output=False, now=NOW) is None


def test_a_failed_job_waits_a_moment_for_the_pod_that_says_why() -> None:
    job = over(at=JUST_NOW, spec={"backoffLimit": 2})
    waiting = seen(job)
    assert waiting.state is RUNNING
    assert waiting.recheck_at == NOW - 1 + DETAIL_GRACE
    late = seen(job, now=NOW - 1 + DETAIL_GRACE)
    assert (late.state, late.reason) == (FAILED, "BackoffLimitExceeded")
    told = seen(job, failed_pod(ended(3)))
    assert (told.state, told.exit_codes) == (FAILED, {"main": 3})


def test_a_job_whose_output_is_wanted_waits_for_its_pod() -> None:
    job = job_record(conditions=(condition("Complete", at=JUST_NOW),))
    assert seen(job).state is SUCCEEDED
    waiting = seen(job, wants_output=True)
    assert (waiting.state, waiting.recheck_at) == (RUNNING, NOW - 1 + DETAIL_GRACE)
    late = seen(job, wants_output=True, now=NOW + 5)
    assert (late.state, late.output) == (SUCCEEDED, None)


def test_the_output_is_the_message_of_main_or_of_the_first_container() -> None:
    side = ended(0, "side", message="side")
    status = {"containerStatuses": [side, ended(0, "main", message="mine")]}
    assert seen(JOB, pod_record("Succeeded", status=status)).output == "mine"
    status = {"containerStatuses": [side, ended(0, "more", message="more")]}
    assert seen(JOB, pod_record("Succeeded", status=status)).output == "side"
    assert seen(JOB, pod_record("Succeeded")).output == ""


@pytest.mark.parametrize("kind", ["job", "pod"])
def test_a_job_past_its_own_deadline_has_timed_out(kind: str) -> None:
    pods = [failed_pod(deletionTimestamp=LONG_AGO)] if kind == "pod" else []
    attempt = seen(over("DeadlineExceeded", JUST_NOW), *pods)
    assert (attempt.state, attempt.cause) == (FAILED, Cause.TIMEOUT)
    assert "activeDeadlineSeconds" in attempt.message


def test_a_disruption_is_no_fault_of_the_program() -> None:
    target = condition("DisruptionTarget", "PreemptionByScheduler", "a more urgent pod came")
    attempt = seen(JOB, failed_pod(status={"conditions": [target]}))
    assert (attempt.cause, attempt.reason) == (Cause.DISRUPTION, "PreemptionByScheduler")
    assert "a more urgent pod came" in attempt.message
    gone = failed_pod(status={"conditions": [target]}, deletionTimestamp=LONG_AGO)
    assert seen(JOB, gone).cause is Cause.DISRUPTION


@pytest.mark.parametrize("reason", ["Evicted", "NodeLost", "Shutdown"])
def test_an_eviction_without_a_condition_is_a_disruption_too(reason: str) -> None:
    pod = failed_pod(status={"reason": reason, "message": "low on memory"})
    assert (seen(JOB, pod).cause, seen(JOB, pod).reason) == (Cause.DISRUPTION, reason)


def test_a_failure_names_container_code_reason_and_last_words() -> None:
    attempt = seen(JOB, failed_pod(ended(0, "side"), ended(3, reason="Error", message="no disk\n")))
    assert attempt.message == "container main exited with code 3: no disk"
    assert (attempt.cause, attempt.exit_codes) == (Cause.APPLICATION, {"main": 3})


def test_an_init_container_that_fails_is_named() -> None:
    status = {"initContainerStatuses": [ended(2, "fetch")], "containerStatuses": []}
    attempt = seen(JOB, failed_pod(status=status))
    assert attempt.message == "container fetch exited with code 2"
    assert attempt.exit_codes == {"fetch": 2}


def test_a_pod_that_failed_without_a_container_says_its_own_words() -> None:
    status = {"reason": "Unheard", "message": "no luck", "containerStatuses": []}
    attempt = seen(JOB, failed_pod(status=status))
    assert (attempt.reason, attempt.message) == ("Unheard", "no luck")


def test_the_newest_failed_pod_explains() -> None:
    early = failed_pod(ended(1), uid="p1", creationTimestamp="2026-01-01T00:00:01Z")
    late = failed_pod(ended(2), uid="p2", creationTimestamp="2026-01-01T00:00:09Z")
    job = over(spec={"backoffLimit": 1})
    assert seen(job, late, early).exit_codes == seen(job, early, late).exit_codes == {"main": 2}


WAITS: dict[str, tuple[dict[str, Any], str]] = {
    "image": (
        {"containerStatuses": [
            {"name": "main", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}
        ]},
        "container main waits: ErrImagePull: no",
    ),
    "creating": (
        {"containerStatuses": [
            {"name": "main", "state": {"waiting": {"reason": "ContainerCreating"}}}
        ]},
        "",
    ),
    "no node": (
        {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
             "message": "0/3 nodes are available"}
        ]},
        "pod f-a-1-pod-1 is not scheduled: 0/3 nodes are available",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WAITS)
def test_what_holds_an_attempt_up_is_told(case: str) -> None:
    status, words = WAITS[case]
    assert seen(JOB, pod_record("Pending", status=status)).message == words


def test_a_suspended_job_waits_in_a_queue() -> None:
    assert "suspended" in seen(job_record(spec={"suspend": True})).message


def test_an_attempt_knows_its_job_and_its_birth() -> None:
    attempt = seen(JOB)
    assert (attempt.ref.name, attempt.ref.uid) == ("f-a-1", "job-1")
    assert attempt.created == parse_rfc3339("2026-01-01T00:00:00Z")
