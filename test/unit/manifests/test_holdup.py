"""What keeps a started attempt from running, in words that stay the same while nothing changes."""

from __future__ import annotations

from typing import Any

import pytest

from jobflows.manifests.holdup import holdup, starting
from jobflows.manifests.labels import QUEUE
from jobflows.manifests.observe import observe_attempt
from jobflows.manifests.records import PodRecord
from unit.controller.objects import job_record, pod_record

JOB = job_record()
BOUND = {"type": "PodScheduled", "status": "True"}


def waiting(reason: str, message: str = "", kind: str = "containerStatuses") -> PodRecord:
    state = {"waiting": {"reason": reason, "message": message}}
    status: dict[str, Any] = {kind: [{"name": "main", "state": state}], "conditions": [BOUND]}
    return pod_record("Pending", status=status)


def unscheduled(message: str, reason: str = "Unschedulable") -> PodRecord:
    said = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    return pod_record("Pending", status={"conditions": [said]})


@pytest.mark.parametrize(
    ("pod", "reason", "words"),
    [
        (
            waiting("ImagePullBackOff", 'Back-off pulling image "x"'),
            "ImagePullBackOff",
            'container main waits: ImagePullBackOff: Back-off pulling image "x"',
        ),
        (
            waiting("CreateContainerConfigError", 'secret "s" not found', "initContainerStatuses"),
            "CreateContainerConfigError",
            'container main waits: CreateContainerConfigError: secret "s" not found',
        ),
        (
            unscheduled("0/3 nodes are available: 3 Insufficient cpu."),
            "Unschedulable",
            "pod f-a-1-pod-1 is not scheduled: 0/3 nodes are available: 3 Insufficient cpu.",
        ),
        (
            unscheduled("pod is gated", "SchedulingGated"),
            "SchedulingGated",
            "pod f-a-1-pod-1 is not scheduled: pod is gated",
        ),
    ],
)
def test_trouble_is_named(pod: PodRecord, reason: str, words: str) -> None:
    assert holdup(JOB, [pod]) == (reason, words)
    attempt = observe_attempt(1, JOB, [pod], wants_output=False, now=0.0)
    assert attempt is not None
    assert attempt.reason == reason
    assert attempt.message.endswith(words.split(": ", 1)[1])


def test_the_kubelets_counter_is_left_out() -> None:
    said = [
        holdup(JOB, [waiting("CrashLoopBackOff", f"back-off {wait} restarting failed container")])
        for wait in ("10s", "20s", "1m20s")
    ]
    assert said[0] == said[1] == said[2]


def test_a_suspended_job_names_its_queue() -> None:
    job = job_record(spec={"suspend": True}, labels={QUEUE: "night"})
    assert holdup(job, []) == (
        "Queued",
        "the Job is suspended: it waits in the Kueue queue night",
    )
    assert holdup(job_record(spec={"suspend": True}), []) is not None


def test_the_stages_of_a_start_are_told_only_when_asked() -> None:
    bound = pod_record("Pending", status={"conditions": [BOUND]})
    stages = [[], [pod_record("Pending")], [waiting("ContainerCreating")], [bound]]
    words = ["has no pod yet", "waits for the scheduler", "its image is pulled", "is scheduled"]
    for pods, word in zip(stages, words, strict=True):
        assert holdup(JOB, pods) is None
        found = starting(JOB, pods)
        assert found is not None
        assert word in found.message
    assert starting(JOB, [pod_record("Running")]) is None
