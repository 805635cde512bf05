"""What a shell, and kubectl, get when somebody presses the tab key."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster_suite.flows import flow, step
from jobflows.cli import names
from jobflows.cli.completion import kubectl
from jobflows.cli.main import app
from unit.cli.served import Served

ROOT = Path(__file__).parents[3]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path).running() as server:
        yield server


Ask = Callable[..., list[str]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """What kubectl is told after some words, the last of them unfinished."""
    monkeypatch.setattr(names, "PATIENCE_SECONDS", 60.0)  # a person's; machines of tests are slow
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    monkeypatch.setenv("JOBFLOW_HOME", str(tmp_path / "runs"))

    def answer(*words: str, config: Path | None = None) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setattr(os, "environ", os.environ.copy())
            if config is not None:
                os.environ["KUBECONFIG"] = str(config)
            patch.setattr(sys, "argv", ["kubectl_complete-jobflow", *words])
            kubectl()
        told = capsys.readouterr()
        assert told.err == ""
        return told.out.splitlines()

    return answer


def test_commands_come_with_their_summaries(ask: Ask) -> None:
    assert ask("unp") == ["unpause\tLet a paused flow go on.", ":4"]


def test_flows_steps_and_options_are_completed(ask: Ask, served: Served) -> None:
    served.create("jobflows", flow("etl", step("load"), step("list")))
    served.create("jobflows", flow("other", step("a")))
    assert ask("status", "e", config=served.config) == ["etl", ":4"]
    assert ask("approve", "etl", "lo", config=served.config) == ["load", ":4"]
    assert ask("approve", "nope", "", config=served.config) == [":0"]
    assert ask("status", "--wat", config=served.config)[0].startswith("--watch\t")


def test_no_cluster_proposes_nothing_and_complains_of_nothing(ask: Ask) -> None:
    assert ask("status", "") == [":0"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_a_script_that_asks_by_our_variable(shell: str) -> None:
    result = CliRunner().invoke(app, ["completion", shell])
    assert result.exit_code == 0
    assert f"_JOBFLOW_COMPLETE=complete_{shell}" in result.stdout


def test_another_shell_is_refused() -> None:
    assert CliRunner().invoke(app, ["completion", "tcsh"]).exit_code == 2


def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    program = tmp_path / "jobflow"
    program.write_text(
        f"#!{sys.executable}\nfrom jobflows.cli.entry import main\n__import__('sys').exit(main())\n"
    )
    program.chmod(0o755)
    script = """
        source <(jobflow completion bash)
        COMP_WORDS=(jobflow set); COMP_CWORD=1
        _jobflow_completion jobflow
        echo "${COMPREPLY[@]}"
    """
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "operator")},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "set-parallelism\n"
