"""`jobflow archive` as it is typed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobflows.archive import Archive
from jobflows.cli.main import app
from unit.archive.samples import START, attempt, failed, flow


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOBFLOW_HOME", str(tmp_path))
    monkeypatch.delenv("JOBFLOW_ARCHIVE", raising=False)
    return tmp_path


def _run(*words: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(app, ["archive", *words])
    assert result.exit_code == exit_code, result.output
    return result.output


def _fill(home: Path) -> None:
    _run("init")
    with Archive.open(f"sqlite:///{home / 'archive.db'}") as archive:
        archive.write(
            [
                flow(finished=START + 60, phase="Failed"),
                attempt(peak_memory=7, memory=9),
                failed('a "b", c\nd', attempt=2, task=3),
            ]
        )


def test_without_an_archive_it_says_how_to_make_one(home: Path) -> None:
    assert "jobflow archive init" in _run("info", exit_code=1)
    _run("init")
    assert "attempts" in _run("info")


def test_attempts_are_exported_one_a_line(home: Path) -> None:
    _fill(home)
    rows = list(csv.DictReader(io.StringIO(_run("export"))))
    assert [(row["flow"], row["attempt"], row["phase"]) for row in rows] == [
        ("etl-f1", "1", "Succeeded"),
        ("etl-f1", "2", "Failed"),
    ]
    assert (rows[0]["peak_memory"], rows[0]["cpu_seconds"]) == ("7", "")
    assert (rows[1]["message"], rows[1]["error"]) == ('a "b", c\nd', 'a "b", c d')


def test_parquet_keeps_numbers_and_what_is_unknown(home: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    _fill(home)
    file = home / "attempts.parquet"
    assert "2 attempts" in _run("export", "--format", "parquet", "--to", str(file))
    rows = pq.read_table(file).to_pylist()
    assert [(row["task"], row["peak_memory"], row["started"]) for row in rows] == [
        (-1, 7, START),
        (3, None, START),
    ]
    assert "name a file" in _run("export", "--format", "parquet", exit_code=2)


def test_only_what_has_gone_from_its_cluster_is_pruned(home: Path) -> None:
    _fill(home)
    assert "0 flows" in _run("prune", "--older-than", "0d")
    assert "no time span" in _run("prune", "--older-than", "soon", exit_code=2)
