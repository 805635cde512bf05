"""Lags and calls are read from the audit log, whoever made them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.audit import AuditLog
from load.controllers import CONTROLLERS
from load.timeline import Timeline
from load.work import Work

START = 1_800_000_000.0
OPERATOR = "jobflow-operator"
WORK = Work("run-00000", {"a": [], "b": ["a"], "a-b": ["a", "b"]})


def call(at: float, user: str, what: str, name: str, phase: str = "", *, code: int = 201) -> str:
    """A line of the log; `what` as in `patch pods/status`."""
    verb, _, resource = what.partition(" ")
    resource, _, sub = resource.partition("/")
    moment = datetime.fromtimestamp(START + at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    reference = {"resource": resource, "namespace": "ns", "name": name}
    line: dict[str, Any] = {
        "verb": verb,
        "stage": "ResponseComplete",
        "user": {"username": user},
        "objectRef": reference | ({"subresource": sub} if sub else {}),
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": moment,
    }
    if phase:
        line["requestObject"] = {"status": {"phase": phase}}
    return json.dumps(line) + "\n"


def read(folder: Path, controller: str, *lines: str) -> Timeline:
    file = folder / "audit.log"
    file.write_text(call(0.0, OPERATOR, "create jobs", "run-00000-a-1"))  # of another run
    log = AuditLog(file)
    with file.open("a") as more:
        more.writelines(lines)
    timeline = Timeline(CONTROLLERS[controller], "ns", [WORK])
    timeline.read(log)
    return timeline


def test_a_step_lags_from_its_last_parents_end_to_its_job(tmp_path: Path) -> None:
    timeline = read(
        tmp_path,
        "jobflow",
        call(1.0, "admin", "create jobflows", "run-00000"),
        call(1.5, OPERATOR, "create jobs", "run-00000-a-1"),
        call(2.0, "kwok", "patch pods/status", "run-00000-a-1-xyz12", "Failed"),
        call(2.2, OPERATOR, "create jobs", "run-00000-a-2"),
        call(3.0, "kwok", "patch pods/status", "run-00000-a-2-xyz12", "Succeeded"),
        call(3.25, OPERATOR, "create jobs", "run-00000-b-1"),
        call(3.25, OPERATOR, "create jobs", "other-a-1"),
        call(4.0, "kwok", "patch pods/status", "run-00000-b-1-xyz12", "Running"),
        call(5.0, "kwok", "patch pods/status", "run-00000-b-1-xyz12", "Succeeded"),
        call(6.0, OPERATOR, "create jobs", "run-00000-a-b-1", code=500),
        call(6.1, OPERATOR, "create jobs", "run-00000-a-b-1"),
    )
    assert list(timeline.lags()) == pytest.approx([0.5, 0.25, 1.1])
    assert timeline.writes(OPERATOR) == {"create jobs": 6}


def test_the_pods_of_another_controller_tell_the_same(tmp_path: Path) -> None:
    argo = "system:serviceaccount:argo:argo"
    timeline = read(
        tmp_path,
        "argo",
        call(1.0, "admin", "create workflows", "run-00000"),
        call(1.5, argo, "create pods", "run-00000-a-3141592"),
        call(3.0, "kwok", "patch pods/status", "run-00000-a-3141592", "Succeeded"),
        call(4.0, argo, "create pods", "run-00000-b-2718281"),
        call(4.1, argo, "update workflows", "run-00000"),
        call(4.2, argo, "update leases", "controller"),
        call(4.3, argo, "get workflows", "run-00000"),
    )
    assert list(timeline.lags()) == pytest.approx([0.5, 1.0])
    writes = timeline.writes(CONTROLLERS["argo"].user)
    assert writes == {"create pods": 2, "update workflows": 1}


def test_a_job_without_pods_ends_when_the_stand_in_says_so(tmp_path: Path) -> None:
    timeline = read(
        tmp_path,
        "jobflow",
        call(1.0, "admin", "create jobflows", "run-00000"),
        call(1.5, OPERATOR, "create jobs", "run-00000-a-1"),
        call(2.0, "admin", "patch jobs/status", "run-00000-a-1"),
        call(2.25, OPERATOR, "create jobs", "run-00000-b-1"),
    )
    assert list(timeline.lags()) == pytest.approx([0.5, 0.25])
