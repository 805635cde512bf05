"""The list of commands says of each what the command itself says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobflows.cli.call import SUMMARY as CALL_SUMMARY
from jobflows.cli.commands import COMMANDS
from jobflows.cli.main import BARE, app, load
from jobflows.cli.map.options import SUMMARY

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - set(BARE)))
def test_the_summary_is_the_first_sentence_of_the_help(name: str) -> None:
    own = " ".join((load(name).help or "").split("\n\n")[0].split())
    assert COMMANDS[name].summary == own


def test_the_summaries_of_bare_commands_are_their_own() -> None:
    assert COMMANDS["map"].summary == SUMMARY
    assert COMMANDS["call"].summary == CALL_SUMMARY


@pytest.mark.parametrize("name", BARE)
def test_bare_commands_are_reached_through_the_others(name: str) -> None:
    result = CliRunner().invoke(app, [name, "no-function"])
    assert result.exit_code == 2


def test_a_command_that_does_not_exist_is_named() -> None:
    result = CliRunner().invoke(app, ["stauts"])
    assert (result.exit_code, "Did you mean 'status'?" in result.stderr) == (2, True)


@pytest.mark.parametrize("words", [["--help"], ["-h"]])
def test_help_imports_nothing_that_only_a_command_needs(words: list[str]) -> None:
    """It takes 0.1 s for as long as this holds; each of these costs as much again."""
    program = f"""
import sys
sys.argv = ["jobflow", *{words!r}]
from jobflows.cli.entry import main
try:
    main()
finally:
    heavy = {{"rich", "pydantic", "yaml", "networkx", "asyncio", "importlib.metadata"}}
    assert not heavy & sys.modules.keys(), sorted(heavy & sys.modules.keys())
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "On a cluster:" in done.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - set(BARE)))
def test_help_has_examples_and_exit_codes(name: str) -> None:
    text = load(name).help or ""
    assert f"jobflow {name}" in text.partition("Examples:")[2]
    assert "Exit code: 0 " in text


def test_as_a_plugin_of_kubectl_it_calls_itself_so(tmp_path: Path) -> None:
    program = tmp_path / "kubectl-jobflow"
    program.write_text(f"#!{sys.executable}\nfrom jobflows.cli.entry import main\nmain()\n")
    program.chmod(0o755)
    done = subprocess.run(
        [program, "status"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: kubectl jobflow status ")
