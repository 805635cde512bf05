"""`jobflow run` as a person and a script see it: output, exit codes, refusals."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from jobflows.cli.main import app
from unit.local.local_runs import container, document, step


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBFLOW_HOME", str(tmp_path / "home"))


def write(tmp_path: Path, *steps: dict[str, Any], **spec: Any) -> str:
    """A flow in a file."""
    file = tmp_path / "flow.yaml"
    file.write_text(yaml.safe_dump(document(*steps, **spec)))
    return str(file)


def jobflow(*words: str, stdin: str | None = None) -> Result:
    """Run the program in this process."""
    return CliRunner().invoke(app, words, input=stdin)


def test_success_ends_with_a_table_and_zero(tmp_path: Path) -> None:
    result = jobflow("run", write(tmp_path, step("a"), step("b", dependencies=["a"])))
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].split() == ["STEP", "PHASE", "ATTEMPTS", "DURATION", "MESSAGE"]
    assert [line.split()[:3] for line in lines[1:3]] == [
        ["a", "Succeeded", "1"],
        ["b", "Succeeded", "1"],
    ]
    assert lines[3] == f"Succeeded  (logs: {tmp_path}/home/runs/flow-1)"
    assert [line.split("] ")[1] for line in result.stderr.splitlines()] == [
        "a: started",
        "a: succeeded",
        "b: started",
        "b: succeeded",
    ]


def test_failure_ends_with_the_log_and_one(tmp_path: Path) -> None:
    script = "echo first; echo second; exit 3"
    flow = write(tmp_path, step("bad", script), step("c", dependencies=["bad"]))
    result = jobflow("run", flow, "--workdir", str(tmp_path / "w"))
    assert result.exit_code == 1
    assert "bad/1/main.log:\nfirst\nsecond\n" in result.stdout
    assert result.stdout.splitlines()[-1] == (
        "Failed: step bad failed: Error: container main exited with code 3: … second"
        f"  (logs: {tmp_path / 'w'})"
    )
    assert "c: skipped: a step above it did not succeed" in result.stderr
    assert result.stderr.endswith("`jobflow resume flow-1` runs again what did not succeed\n")


def test_nothing_is_coloured_without_a_terminal(tmp_path: Path) -> None:
    result = jobflow("run", write(tmp_path, step("a", "exit 1")))
    assert "\x1b" not in result.output


def test_json_and_yaml_are_the_run_and_nothing_else(tmp_path: Path) -> None:
    flow = write(tmp_path, step("a"))
    run = json.loads(jobflow("run", flow, "-o", "json").stdout)
    assert run["status"]["phase"] == "Succeeded"
    assert run["status"]["progress"]["summary"] == "1/1"
    assert Path(run["workdir"], "status.json").exists()
    assert yaml.safe_load(jobflow("run", flow, "-o", "yaml").stdout)["kind"] == "JobFlow"


def test_quiet_says_only_the_outcome(tmp_path: Path) -> None:
    result = jobflow("run", write(tmp_path, step("a")), "--quiet")
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 1


def test_a_flow_comes_from_standard_input() -> None:
    result = jobflow("run", "-", "-q", stdin=yaml.safe_dump(document(step("a"))))
    assert result.exit_code == 0


def test_problems_are_shown_with_their_lines_and_nothing_runs(tmp_path: Path) -> None:
    flow = write(tmp_path, step("a", f"touch {tmp_path}/ran", dependencies=["b"]))
    result = jobflow("run", flow)
    line = Path(flow).read_text().splitlines().index("    - b") + 1
    assert result.exit_code == 1
    assert f"{flow}:{line}:" in result.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--param", "dya=1"], "no parameter 'dya', it has day, password; did you mean day?"),
        (["--param", "hunter2"], "--param needs NAME=VALUE"),
        (["--approve", "b"], "--approve b: the flow has no such Manual step, it has ask"),
        (["--executor", "sequential", "--parallelism", "2"], "runs one step at a time"),
        (["--executor", "podman"], "there is no executor podman: containers run as processes here"),
        (["--executor", "slurm"], "there is no executor slurm; there are process, sequential"),
        (["--resume"], "--resume needs --name"),
        (["--parallelism", "0"], "Invalid value for '--parallelism'"),
    ],
)
def test_wrong_usage_is_two(tmp_path: Path, words: list[str], said: str) -> None:
    source = {"name": "password", "valueFrom": {"secretKeyRef": {"name": "db"}}}
    flow = write(
        tmp_path,
        step("a", inputs={"parameters": [source]}),
        {"name": "ask", "type": "Manual"},
        parameters=[{"name": "day", "value": "monday"}],
    )
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["run", flow, *words])
    assert result.exit_code == 2
    assert said in result.stderr
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read: No such file"),
        ("kind: List\n", "no JobFlow in this file"),
        ("\xff", "cannot be read: it is not UTF-8"),
    ],
)
def test_an_unreadable_file_is_two(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "x.yaml"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    result = jobflow("run", str(file))
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_parameters_are_given_on_the_command_line(tmp_path: Path) -> None:
    flow = write(
        tmp_path,
        step("a", "echo {{ parameters.day }}"),
        parameters=[{"name": "day", "value": "monday"}],
    )
    jobflow("run", flow, "-p", "day=a=b 'c'", "--workdir", str(tmp_path / "w"))
    assert (tmp_path / "w" / "a" / "1" / "main.log").read_text() == "a=b c\n"


def test_a_secret_is_shown_nowhere(tmp_path: Path) -> None:
    source = {"name": "password", "valueFrom": {"secretKeyRef": {"name": "db", "key": "k"}}}
    main = container(
        'test "$PW" = hunter2 && exit 1', env=[{"name": "PW", "value": "{{ parameters.password }}"}]
    )
    flow = write(tmp_path, step("a", containers=[main], inputs={"parameters": [source]}))
    result = jobflow("run", flow, "-p", "password=hunter2", "--workdir", str(tmp_path / "w"))
    assert result.exit_code == 1
    assert "container main exited with code 1" in result.stdout
    assert "hunter2" not in result.output
    assert not any(
        b"hunter2" in file.read_bytes() for file in (tmp_path / "w").rglob("*") if file.is_file()
    )


def test_without_a_terminal_a_manual_step_is_rejected_and_says_how(tmp_path: Path) -> None:
    flow = write(tmp_path, {"name": "ask", "type": "Manual"}, step("go", dependencies=["ask"]))
    result = jobflow("run", flow)
    assert result.exit_code == 1
    assert "approve with --approve ask" in result.stdout
    assert jobflow("run", flow, "--approve", "ask").exit_code == 0
    assert jobflow("run", flow, "--approve", "all").exit_code == 0


def test_version_and_help() -> None:
    assert jobflow("--version").stdout.startswith("jobflow ")
    for command in ("run", "render", "lint"):
        words = jobflow(command, "--help").stdout
        assert "Examples:" in words
        assert "Exit code" in words
