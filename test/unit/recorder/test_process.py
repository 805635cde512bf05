"""`jobflow-recorder` as it is typed: what cannot work is told, with the flag and the cure."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobflows.recorder.flags import app


@pytest.mark.parametrize(
    ("words", "exit_code", "told"),
    [
        ([], 2, "--database"),
        (["--retention", "soon"], 2, "90d"),
        (["--metrics-addr", "nowhere"], 2, "--metrics-addr"),
        (["--watch-namespace", "*"], 2, "--watch-namespace"),
        (["--log-format", "xml"], 2, "json, text"),
        (["--version"], 0, "jobflow-recorder"),
    ],
)
def test_what_cannot_be_used_is_told(words: list[str], exit_code: int, told: str) -> None:
    given = words if not words or words == ["--version"] else ["--database", "sqlite://", *words]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == exit_code
    assert told in result.output


def test_without_a_way_to_a_cluster_it_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    missing = str(tmp_path / "none")
    result = CliRunner().invoke(app, ["--database", "sqlite:////x.db", "--kubeconfig", missing])
    assert result.exit_code == 1
