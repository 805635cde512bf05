"""Commands against a real API server: they read what is there and set what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import Record
from cluster_suite.flows import flow, manual, runs, sim, step
from cluster_suite.kube import Kube
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


def test_explain_names_an_image_that_cannot_be_pulled(kube: Kube, jobflow: Person) -> None:
    stuck = step("stuck", pod=sim("image-error"), timeoutSeconds=600)
    kube.apply(flow("f", stuck, step("last", "stuck")))
    kube.ends("f", "Failed")
    said = {s["name"]: s for s in json.loads(jobflow("explain", "f", "-o", "json"))["steps"]}
    assert said["stuck"]["reason"] == "ImagePullBackOff"
    assert "ImagePullBackOff" in jobflow("explain", "f", "stuck")


def test_a_person_approves_and_watches_the_end(kube: Kube, jobflow: Person) -> None:
    kube.apply(flow("f", manual("ask"), step("b", "ask")))
    kube.reaches("f", "Paused")
    assert "AwaitingApproval" in jobflow("explain", "f")
    assert jobflow("approve", "f", "ask") == "f: ask approved\n"
    assert jobflow("status", "f", "--watch").splitlines()[-1] == "Succeeded"
    assert "is Succeeded already" in jobflow("approve", "f", "ask", code=1)
    assert "f " in jobflow("list")


def test_a_person_pauses_and_lets_go_on(kube: Kube, jobflow: Person) -> None:
    kube.apply(flow("f", step("a", pod=runs("1s")), step("b", "a")))
    jobflow("pause", "f")
    kube.reaches("f", "Suspended")
    jobflow("unpause", "f")
    kube.ends("f")


def test_what_is_not_there_is_said(jobflow: Person, tmp_path: Path) -> None:
    assert "has no flow 'nope'" in jobflow("explain", "nope", code=1)
    assert "no such kubeconfig" in jobflow("list", "--kubeconfig", str(tmp_path / "x"), code=3)
