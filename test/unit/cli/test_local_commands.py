"""Commands about runs of this machine, as a person types them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from jobflows.cli.main import app, load
from jobflows.cli.names import flow_names, step_names
from jobflows.local import Store, prepare
from unit.local.local_runs import document, step
from unit.local.other_process import starting


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOBFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    return tmp_path / "home"


def jobflow(*words: str) -> Result:
    """Run the program in this process, on a wide terminal."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, words)


def write(tmp_path: Path, *steps: dict[str, Any], **spec: Any) -> str:
    file = tmp_path / "flow.yaml"
    file.write_text(yaml.safe_dump(document(*steps, **spec)))
    return str(file)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_runs_are_listed_by_label_and_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    file = tmp_path / "marked.json"
    made = document(step("a")) | {"metadata": {"name": "marked", "labels": {"team": "ocean"}}}
    file.write_text(json.dumps(made))
    assert jobflow("run", str(file), "-q").exit_code == 0

    def listed(*options: str) -> list[str]:
        items = json.loads(jobflow("list", "-o", "json", *options).stdout)["items"]
        return [item["metadata"]["name"] for item in items]

    assert listed("--user", "ada", "-l", "team=ocean") == ["marked-1"]
    assert listed("--user", "bo") == listed("-l", "team=sky") == []
    assert jobflow("list", "--user", "bo").stdout == "no flow is like that\n"
    wrong = jobflow("list", "-l", "team")
    assert wrong.exit_code == 2
    assert "write KEY=VALUE" in wrong.stderr


def test_a_run_is_listed_shown_and_resumed_by_the_name_of_its_flow(tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    flow = write(tmp_path, step("a"), step("b", f"test -e {mended}", dependencies=["a"]))
    assert jobflow("run", flow, "-q").exit_code == 1
    listed = jobflow("list").stdout.splitlines()
    assert listed[0].split() == ["NAME", "PHASE", "PROGRESS", "AGE", "MESSAGE"]
    assert listed[1].split()[:3] == ["flow-1", "Failed", "2/2"]
    assert "step b failed" in jobflow("status", "flow").stdout
    shown = json.loads(jobflow("status", "flow-1", "-o", "json").stdout)
    assert (shown["metadata"]["name"], shown["status"]["phase"]) == ("flow-1", "Failed")
    mended.touch()
    result = jobflow("resume", "flow")
    assert result.exit_code == 0
    assert "b: started" in result.stderr
    assert "a: started" not in result.stderr
    assert jobflow("status", "flow-1", "--watch").exit_code == 0
    result = jobflow("resume", "flow")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "run flow-1 succeeded; name steps to run again with --from" in result.stderr


def test_run_with_resume_begins_or_goes_on_and_is_content_with_success(tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    flow = write(tmp_path, step("a", f"echo x >> {tmp_path}/ran"), step("b", f"test -e {mended}"))
    nightly = ("run", flow, "--name", "nightly", "--resume", "-q")
    assert jobflow(*nightly).exit_code == 1
    mended.touch()
    assert jobflow(*nightly).exit_code == 0
    result = jobflow(*nightly)
    assert (result.exit_code, result.stdout) == (0, "nightly: succeeded already\n")
    assert (tmp_path / "ran").read_text() == "x\n"
    result = jobflow("run", flow, "--name", "nightly")
    assert result.exit_code == 2
    assert "there is a run nightly already; go on with it with --resume" in result.stderr


def test_a_run_in_another_process_is_stopped(tmp_path: Path, home: Path) -> None:
    flow = document(step("a", f"touch {tmp_path}/runs; exec sleep 85.837"))
    process = starting(home, flow, "long")
    until((tmp_path / "runs").exists)
    result = jobflow("resume", "long")
    assert result.exit_code == 1
    assert "nothing to resume: the flow still runs" in result.stderr
    assert jobflow("stop", "long").stdout == "long: stopped\n"
    process.join(20)
    assert process.exitcode == 0
    result = jobflow("status", "long", "--watch")
    assert result.exit_code == 1
    assert "Failed: asked for by `jobflow stop`" in result.stdout


def test_a_run_that_waits_for_approval_is_approved(tmp_path: Path, home: Path) -> None:
    process = starting(home, document({"name": "ask", "type": "Manual"}), "release")

    def asks() -> bool:
        with Store.open(home) as store:
            run = store.find("release")
            return run is not None and '"PendingApproval"' in json.dumps(run.status())

    until(asks)
    assert jobflow("approve", "release", "ask").stdout == "release: ask approved\n"
    process.join(20)
    assert jobflow("status", "release", "--watch").exit_code == 0


def test_a_run_whose_runner_is_gone_says_how_to_go_on(tmp_path: Path, home: Path) -> None:
    prepare(document(step("a")), home=home, name="cut").close()
    words = f"nobody runs cut, process {os.getpid()} on "
    assert words in jobflow("list", "--local").stdout
    result = jobflow("stop", "cut")
    assert result.exit_code == 1
    assert "`jobflow resume cut` goes on" in result.stderr
    assert words in jobflow("status", "cut", "--watch").stderr


def test_a_name_says_where_it_is(tmp_path: Path, home: Path) -> None:
    prepare(document(step("a")), home=home, name="here").close()
    assert jobflow("status", "here").exit_code == 0
    result = jobflow("status", "here", "--context", "prod")
    assert result.exit_code == 3, "what names a cluster asks the cluster"
    assert jobflow("status", "there").exit_code == 3
    result = jobflow("status", "there", "--local")
    assert result.exit_code == 1
    assert "there is no run or flow 'there' on this machine, there are here" in result.stderr
    result = jobflow("status", "here", "--local", "-n", "default")
    assert result.exit_code == 2
    assert "leave out the options of a cluster" in result.stderr


def test_a_shell_completes_runs_and_their_steps(home: Path) -> None:
    prepare(document(step("load"), step("look"), step("end")), home=home, name="here").close()
    shell = typer.Context(load("status"))
    assert flow_names(shell, "he") == ["here"]
    shell.params = {"flow": "here"}
    assert step_names(shell, "lo") == ["load", "look"]
    shell.params = {"flow": "here", "context": "prod"}
    assert step_names(shell, "lo") == [], "that is a cluster, which is not to be had"


def test_nothing_yet(home: Path) -> None:
    assert jobflow("list").stdout == f"no runs in {home}\n"
    assert "there is none at all" in jobflow("resume", "x", "--local").stderr
    assert not home.exists()


def test_a_damaged_store_says_what_to_do(tmp_path: Path, home: Path) -> None:
    home.mkdir()
    (home / "runs.db").write_text("not a database " * 1000)
    for words, code in (
        (("list",), 1),
        (("status", "x"), 1),
        (("run", write(tmp_path, step("a"))), 2),
    ):
        result = jobflow(*words)
        assert result.exit_code == code
        assert "is damaged" in result.stderr
        assert "start anew: `mv " in result.stderr
