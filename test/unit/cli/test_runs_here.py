"""Commands that look at a run of this machine: tasks, logs, explain, graph, usage, recommend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from jobflows.api.validation import validate
from jobflows.cli.main import app
from unit.local.local_runs import container, document, step

ROOT = Path(__file__).parents[3]

FLAKY = 'test -e "$HOME/again" || { touch "$HOME/again"; echo not yet; exit 3; }; echo there'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A place with one run, `f-1`, that failed."""
    folder = tmp_path_factory.mktemp("runs")
    retry = {"limit": 1, "backoff": {"duration": "1ms"}}
    fan = container("echo task {{ task.item }}; test {{ task.item }} != c")
    flow = document(
        step("flaky", FLAKY, retryPolicy=retry),
        step("fan", containers=[fan], array={"items": ["a", "b", "c"]}),
        step("last", dependencies=["flaky", "fan"]),
    )
    flow["metadata"]["name"] = "f"
    file = folder / "flow.yaml"
    file.write_text(yaml.safe_dump(flow))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("JOBFLOW_HOME", str(folder))
        patch.setenv("KUBECONFIG", "/nowhere")
        assert jobflow("run", str(file), "-q").exit_code == 1
        yield folder


def jobflow(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, words)


def read(*words: str) -> dict[str, Any]:
    """A command's JSON."""
    result = jobflow(*words, "-o", "json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.usefixtures("home")
def test_tasks_lists_steps_and_the_tasks_of_arrays() -> None:
    found = read("tasks", "f")
    assert [(t["step"], t.get("task"), t["phase"]) for t in found["tasks"]] == [
        ("flaky", None, "Succeeded"),
        ("fan", 0, "Succeeded"),
        ("fan", 1, "Succeeded"),
        ("fan", 2, "Failed"),
        ("last", None, "Skipped"),
    ]
    assert found["tasks"][0]["attempt"] == 2
    assert found["tasks"][3]["exitCode"] == 1


@pytest.mark.usefixtures("home")
def test_tasks_are_chosen_by_phase_and_step_and_shown_by_the_page() -> None:
    failed = read("tasks", "f", "--phase", "Failed")["tasks"]
    assert [(t["step"], t["task"]) for t in failed] == [("fan", 2)]
    every = read("tasks", "f", "--step", "flaky", "--attempts")["tasks"]
    assert [(t["attempt"], t["phase"]) for t in every] == [(1, "Failed"), (2, "Succeeded")]
    page = jobflow("tasks", "f", "--limit", "2", "--offset", "1").stdout.splitlines()
    assert [line.split()[:2] for line in page[1:3]] == [["fan", "0"], ["fan", "1"]]
    assert page[-1] == "rows 2-3 of 5; --offset 3 shows more"
    assert "--offset is beyond them" in jobflow("tasks", "f", "--offset", "9").stdout
    assert jobflow("tasks", "f", "--step", "nope").exit_code == 1


@pytest.mark.usefixtures("home")
def test_logs_are_those_of_the_newest_attempt_unless_another_is_named() -> None:
    assert jobflow("logs", "f", "flaky").stdout == "there\n"
    assert jobflow("logs", "f", "flaky", "--attempt", "1").stdout == "not yet\n"
    assert jobflow("logs", "f", "fan", "--task", "1").stdout == "task b\n"
    assert jobflow("logs", "f", "fan").stdout.splitlines()[:2] == ["==> task 0 <==", "task a"]
    assert jobflow("logs", "f", "flaky", "--tail", "0").stdout == ""
    nothing = jobflow("logs", "f", "last")
    assert (nothing.exit_code, "step last has not begun" in nothing.stderr) == (1, True)


@pytest.mark.usefixtures("home")
def test_following_what_is_over_prints_it_and_ends() -> None:
    assert jobflow("logs", "f", "flaky", "-f").stdout == "there\n"
    assert jobflow("logs", "f", "fan", "-f", "--task", "2").stdout == "task c\n"
    refused = jobflow("logs", "f", "fan", "-f")
    assert (refused.exit_code, "choose one by --task N" in refused.stderr) == (1, True)


@pytest.mark.usefixtures("home")
def test_explain_says_why_and_tells_all_of_one_step() -> None:
    said = {each["name"]: each for each in read("explain", "f")["steps"]}
    assert {name: each["reason"] for name, each in said.items()} == {
        "fan": "TasksFailed",
        "last": "DependencyFailed",
    }
    assert said["last"]["blockedBy"] == ["fan"]
    story = read("explain", "f", "flaky")
    first, second = story["attempts"]
    assert (first["state"], first["exitCode"], second["state"]) == ("Failed", 3, "Succeeded")
    assert story["logs"] == "jobflow logs f-1 flaky --local"
    assert "attempt 1 Failed" in jobflow("explain", "f", "flaky").stdout


@pytest.mark.usefixtures("home")
def test_the_graph_of_a_run_has_its_phases() -> None:
    found = {each["name"]: each for each in read("graph", "f")["steps"]}
    assert {name: each["phase"] for name, each in found.items()} == {
        "flaky": "Succeeded",
        "fan": "Failed",
        "last": "Skipped",
    }
    assert found["fan"]["tasks"] == {
        "total": 3,
        "succeeded": 2,
        "failed": 1,
        "skipped": 0,
        "running": 0,
    }


@pytest.mark.usefixtures("home")
def test_usage_counts_tasks_and_attempts_and_times_what_succeeded() -> None:
    found = {each["name"]: each for each in read("usage", "f")["usage"]}
    assert (found["flaky"]["tasks"], found["flaky"]["attempts"]) == (1, 2)
    assert (found["fan"]["tasks"], found["fan"]["failed"]) == (3, 1)
    assert found["fan"]["seconds"]["measured"] == 2
    assert "last" not in found
    assert "FLOW" not in jobflow("usage", "f", "--by", "template").stdout


@pytest.mark.usefixtures("home")
def test_a_recommendation_is_a_flow_that_can_be_run() -> None:
    result = jobflow("recommend", "f")
    assert result.exit_code == 0, result.output
    flow = yaml.safe_load(result.stdout)
    assert validate(flow) == []
    steps = {each["name"]: each for each in flow["spec"]["steps"]}
    assert steps["flaky"]["timeoutSeconds"] == 60
    assert "timeoutSeconds" not in steps["last"]
    assert "uid" not in flow["metadata"]
    assert "timeoutSeconds" in result.stderr
    assert jobflow("recommend", "f", "-o", "table").stdout.splitlines()[0].startswith("NAME")


@pytest.mark.usefixtures("home")
def test_only_a_step_that_failed_is_retried() -> None:
    refused = jobflow("retry", "f", "flaky")
    assert (refused.exit_code, "jobflow resume f --from flaky" in refused.stderr) == (1, True)


def test_a_log_is_followed_while_it_grows_through_a_retry(tmp_path: Path) -> None:
    script = (
        'test -e "$HOME/again" || { touch "$HOME/again"; echo one; exit 1; }; echo two; '
        'until test -e "$HOME/go"; do sleep 0.02; done; echo three'
    )
    retry = {"limit": 1, "backoff": {"duration": "1ms"}}
    flow = document(step("slow", script, retryPolicy=retry))
    flow["metadata"]["name"] = "g"
    (tmp_path / "flow.yaml").write_text(yaml.safe_dump(flow))
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "JOBFLOW_HOME": str(tmp_path),
        "KUBECONFIG": "/nowhere",
        "PYTHONPATH": str(ROOT / "operator"),
    }
    program = [sys.executable, "-c", "from jobflows.cli.main import app; app()"]
    runs = [*program, "run", str(tmp_path / "flow.yaml"), "-q"]
    with subprocess.Popen(runs, env=environment, stdout=subprocess.DEVNULL) as run:
        while not (tmp_path / "again").exists():  # the first attempt is on its way
            assert run.poll() is None
        follows = [*program, "logs", "g", "slow", "--follow"]
        with subprocess.Popen(follows, env=environment, stdout=subprocess.PIPE) as follow:
            assert follow.stdout is not None
            seen = []
            for line in follow.stdout:
                seen.append(line)
                if line == b"two\n":  # printed while the step still runs
                    (tmp_path / "go").touch()
            assert follow.wait(30) == 0
        assert run.wait(30) == 0
    assert seen[-2:] == [b"two\n", b"three\n"]
    assert seen[:-2] in ([], [b"one\n", b"==> attempt 2 <==\n"])
