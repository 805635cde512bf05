"""`jobflow submit` and `jobflow logs --follow` against an API server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cluster_suite.flows import flow, step
from jobflows.cli.logs import pods
from jobflows.cli.main import app
from jobflows.cluster.transport import Request
from unit.cli.served import Served
from unit.cli.test_cluster_commands import add, add_job


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("JOBFLOW_HOME", str(tmp_path / "home"))
    with Served(tmp_path).running() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.config))
        yield server


def jobflow(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, words)


def written(tmp_path: Path, made: dict[str, Any]) -> str:
    file = tmp_path / "flow.yaml"
    file.write_text(yaml.safe_dump(made))
    return str(file)


def test_a_flow_is_created_with_the_values_that_are_given(served: Served, tmp_path: Path) -> None:
    made = flow("f", step("a"), parameters=[{"name": "day", "value": "1"}])
    file = written(tmp_path, made)
    result = jobflow("submit", file, "--param", "day=2")
    assert (result.exit_code, result.stdout) == (0, "f: submitted to namespace default\n")
    assert served.flow("f")["spec"]["parameters"] == [{"name": "day", "value": "2"}]
    again = jobflow("submit", file)
    assert (again.exit_code, "already exists" in again.stderr) == (1, True)
    assert jobflow("submit", file, "--param", "hour=2").exit_code == 2


def test_what_has_problems_is_not_sent(served: Served, tmp_path: Path) -> None:
    result = jobflow("submit", written(tmp_path, flow("f", step("a", "b"))))
    assert (result.exit_code, "spec.steps[0].dependencies[0]" in result.stderr) == (1, True)
    assert "has no flow 'f'" in jobflow("status", "f").stderr


def test_json_is_the_flow_as_it_is_stored(served: Served, tmp_path: Path) -> None:
    result = jobflow("submit", written(tmp_path, flow("f", step("a"))), "-o", "json")
    assert json.loads(result.stdout)["metadata"]["uid"] == served.flow("f")["metadata"]["uid"]


def test_a_followed_log_comes_as_it_is_with_empty_lines_and_without_a_last_one(
    served: Served,
) -> None:
    add(served, flow("f", step("a")), phase="Succeeded", a={"phase": "Succeeded", "attempt": 1})
    add_job(served, "f", "a", pods=({"phase": "Succeeded"},), status={"succeeded": 1})
    served.logs["f-a-1-0"] = b"one\n\n\xfftwo"
    result = jobflow("logs", "f", "a", "--follow")
    assert (result.exit_code, result.stdout_bytes) == (0, b"one\n\n\xfftwo")


def test_a_log_is_followed_from_a_pod_that_waits_to_the_end_of_the_step(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "LOOK_SECONDS", 0.02)
    add(served, flow("f", step("a")), a={"phase": "Running", "attempt": 1})
    add_job(served, "f", "a", pods=({"phase": "Pending"},))
    served.logs["f-a-1-0"] = b"one\n"
    looks = Counter[str]()

    def begin_and_end(request: Request) -> None:
        """The pod runs when it was looked for twice; the step is done when its log was read."""
        base = "/apis/workflow.kube-zen.io/v1alpha1/namespaces/default/jobflows/f/status"
        looks[request.path.rpartition("/")[2]] += 1
        if looks["pods"] == 2:
            running = {"status": {"phase": "Running"}}
            served.later(0, "/api/v1/namespaces/default/pods/f-a-1-0/status", running)
        if looks["log"]:
            done = {"phase": "Succeeded", "steps": [{"name": "a", "phase": "Succeeded"}]}
            served.later(0, base, {"status": done})

    served.refuse = begin_and_end
    assert jobflow("logs", "f", "a", "-f").stdout == "one\n"
    assert looks["log"] == 1


def test_following_a_step_that_never_ran_says_so(served: Served) -> None:
    add(served, flow("f", step("a")), phase="Failed", a="Skipped")
    result = jobflow("logs", "f", "a", "-f")
    assert (result.exit_code, "step a has no pod" in result.stderr) == (1, True)


def test_the_usage_of_a_flow_on_a_cluster_is_what_its_status_has(served: Served) -> None:
    begun, ended = "2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z"
    alone = {"phase": "Succeeded", "attempt": 1, "startTime": begun, "completionTime": ended}
    retried = alone | {"attempt": 2, "retryCount": 1}
    add(served, flow("f", step("a"), step("b")), phase="Succeeded", a=alone, b=retried)
    found = json.loads(jobflow("usage", "f", "-o", "json").stdout)["usage"]
    by_name = {each["name"]: each for each in found}
    assert by_name["a"]["seconds"]["p95"] == 10.0
    assert by_name["b"]["seconds"]["p95"] is None  # which of the 10 s was the last attempt's?
    assert by_name["a"]["memoryBytes"]["max"] is None
    flow_made = yaml.safe_load(jobflow("recommend", "f").stdout)
    assert flow_made["spec"]["steps"][0]["timeoutSeconds"] == 60
    assert "timeoutSeconds" not in flow_made["spec"]["steps"][1]


def test_tasks_of_a_flow_on_a_cluster_have_the_causes_of_failed_attempts(served: Served) -> None:
    failures = [{"attempt": 1, "cause": "OutOfMemory", "reason": "OOMKilled", "exitCode": 137}]
    record = {"phase": "Running", "attempt": 2, "failures": failures}
    add(served, flow("f", step("a")), a=record)
    found = json.loads(jobflow("tasks", "f", "--attempts", "-o", "json").stdout)["tasks"]
    assert [(each["attempt"], each["phase"]) for each in found] == [(1, "Failed"), (2, "Running")]
    assert (found[0]["reason"], found[0]["exitCode"]) == ("OOMKilled", 137)


def test_what_was_done_to_a_flow_is_told_to_programs_as_a_document(served: Served) -> None:
    add(served, flow("f", step("a")), phase="Failed", a={"phase": "Failed", "attempt": 1})
    assert jobflow("retry", "f", "nope").exit_code == 1
    told = json.loads(jobflow("retry", "f", "a", "-o", "json").stdout)
    words = "resumed, 1 step runs again: a"
    assert told == {"flow": "f", "steps": ["a"], "message": words}
    add(served, flow("g", step("a")), a="Running")
    told = json.loads(jobflow("set-parallelism", "g", "3", "-o", "json").stdout)
    assert told == {"flow": "g", "parallelism": 3, "message": "parallelism 3"}
    assert yaml.safe_load(jobflow("pause", "g", "-o", "yaml").stdout)["message"] == "paused"
