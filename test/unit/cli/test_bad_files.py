"""Files that are no flows: each command says so and ends; none is ended by what it reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from corpus import files
from jobflows.cli.main import app

FILES = files()


@pytest.mark.parametrize("title", [title for title, *_ in FILES])
def test_a_file_that_is_no_flow_is_told_of(title: str, tmp_path: Path) -> None:
    _, content, code, says = next(file for file in FILES if file[0] == title)
    file = tmp_path / "flow.yaml"
    file.write_bytes(content)
    linted = CliRunner().invoke(app, ["lint", str(file)])
    assert linted.exit_code == code, linted.output
    assert says in linted.output
    for command in ("run", "render", "graph"):
        done = CliRunner().invoke(app, [command, str(file)])
        assert done.exit_code in (1, 2), done.output
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert "Traceback" not in done.output
