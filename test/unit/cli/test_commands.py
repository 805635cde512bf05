"""The list of commands says of each what the command itself says."""

import pytest
from typer.testing import CliRunner

from jobflows.cli.commands import COMMANDS
from jobflows.cli.main import app, load
from jobflows.cli.map.options import SUMMARY


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"map"}))
def test_the_summary_is_the_first_sentence_of_the_help(name: str) -> None:
    own = " ".join((load(name).help or "").split("\n\n")[0].split())
    assert COMMANDS[name].summary == own


def test_the_summary_of_map_is_its_own() -> None:
    assert COMMANDS["map"].summary == SUMMARY


def test_map_is_reached_through_the_other_commands() -> None:
    result = CliRunner().invoke(app, ["map", "no-function"])
    assert result.exit_code == 2


def test_a_command_that_does_not_exist_is_named() -> None:
    result = CliRunner().invoke(app, ["stauts"])
    assert (result.exit_code, "Did you mean 'status'?" in result.stderr) == (2, True)
