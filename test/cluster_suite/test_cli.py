"""Commands against a real API server: they read what is there and set what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import Record
from cluster_suite.flows import flow, job, manual, runs, sim, step
from cluster_suite.kube import Kube, steps
from cluster_suite.process import write_kubeconfig

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

PROGRAM = Path(sys.executable).with_name("jobflow")


class Person:
    """Somebody with a kubeconfig and `jobflow`."""

    def __init__(self, config: Path, namespace: str) -> None:
        self._options = ("--kubeconfig", str(config), "-n", namespace)

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a command that must end so; returns all that it printed."""
        done = subprocess.run(
            [PROGRAM, words[0], *self._options, *words[1:]],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "NO_COLOR": "1"},
        )
        assert done.returncode == code, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def jobflow(suite: Record, kube: Kube, tmp_path: Path) -> Person:
    return Person(write_kubeconfig(suite, "admin", tmp_path / "admin"), kube.namespace)


def test_explain_says_why_each_step_is_where_it_is(kube: Kube, jobflow: Person) -> None:
    queued = {**step("queued"), "template": job(suspend=True)}
    stuck = step("stuck", pod=sim("image-error"))
    kube.apply(flow("f", queued, step("last", "queued"), stuck, step("below", "stuck")))
    kube.step_reaches("f", "stuck", "Failed")
    kube.until("jf", "f", lambda f: steps(f["status"])["queued"].get("reason") == "Queued")
    said = {s["name"]: s for s in json.loads(jobflow("explain", "f", "-o", "json"))["steps"]}
    assert {name: each["reason"] for name, each in said.items()} == {
        "queued": "Queued",
        "last": "WaitingForSteps",
        "stuck": "ImagePullBackOff",
        "below": "DependencyFailed",
    }
    assert said["last"]["blockedBy"] == ["queued"]
    assert "attempt 1 Running: f-queued-1" in jobflow("explain", "f", "queued")
    assert "stuck is Failed (ImagePullBackOff)" in jobflow("explain", "f", "stuck")


def test_a_person_approves_and_watches_the_end(kube: Kube, jobflow: Person) -> None:
    kube.apply(flow("f", manual("ask"), step("b", "ask")))
    kube.reaches("f", "Paused")
    assert "AwaitingApproval" in jobflow("explain", "f")
    assert jobflow("approve", "f", "ask") == "f: ask approved\n"
    assert jobflow("status", "f", "--watch").splitlines()[-1] == "Succeeded"
    assert "is Succeeded already" in jobflow("approve", "f", "ask", code=1)
    assert "f " in jobflow("list")


def test_a_person_pauses_and_lets_go_on(kube: Kube, jobflow: Person) -> None:
    nothing_starts = {"parallelism": 0}  # however long a command takes
    kube.apply(flow("f", step("a"), step("b", "a"), executionPolicy=nothing_starts))
    jobflow("pause", "f")
    kube.reaches("f", "Suspended")
    jobflow("unpause", "f")
    kube.reaches("f", "Paused")
    jobflow("set-parallelism", "f", "1")
    kube.ends("f")


def test_a_person_stops_resumes_and_sets_limits(kube: Kube, jobflow: Person) -> None:
    kube.apply(flow("f", step("a"), step("b", "a", pod=sim("never", only_pods="-b-1-"))))
    kube.step_reaches("f", "b", "Running")
    jobflow("stop", "f")
    kube.ends("f", "Failed")
    assert jobflow("resume", "f") == "f: resumed, 1 step runs again: b\n"
    kube.reaches("f", "Succeeded")
    assert len(kube.jobs("f", "a")) == 1
    two = [step(f"s{i}", pod=runs("1s")) for i in range(2)]
    kube.apply(flow("g", *two, executionPolicy={"parallelism": 0}))
    kube.reaches("g", "Paused")
    assert "Parallelism" in jobflow("explain", "g")
    assert jobflow("set-parallelism", "g", "1") == "g: parallelism 1\n"
    kube.ends("g")


def test_what_is_not_there_is_said(jobflow: Person, tmp_path: Path) -> None:
    assert "has no flow 'nope'" in jobflow("explain", "nope", code=1)
    assert "no such kubeconfig" in jobflow("list", "--kubeconfig", str(tmp_path / "x"), code=3)
