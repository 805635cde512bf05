"""Every example is valid, renders as stored in `golden/`, and runs on this machine as it says.

After a wanted change: `UPDATE_GOLDEN=1 pytest test/unit/examples`, and read the difference.
"""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobflows.cli.main import app

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
GOLDEN = Path(__file__).parent / "golden"

# Arguments, and the phase and number of attempts of each step.
RUNS = {
    "linear": ([], {"fetch": "Succeeded 1", "convert": "Succeeded 1", "publish": "Succeeded 1"}),
    "etl-diamond": (
        ["--param", "seconds=0.1"],
        {
            "extract-a": "Succeeded 1",
            "extract-b": "Succeeded 1",
            "transform": "Succeeded 1",
            "load": "Succeeded 1",
        },
    ),
    "manual-approval": (
        ["--approve", "review"],
        {"build": "Succeeded 1", "review": "Succeeded", "release": "Succeeded 1"},
    ),
    "array": (
        ["--parallelism", "1"],
        {"greet": "Succeeded 3", "grid": "Succeeded 6", "report": "Succeeded 1"},
    ),
    "elementwise": (
        [],
        {
            "list": "Succeeded 1",
            "download": "Succeeded 4",
            "convert": "Succeeded 4",
            "join": "Succeeded 1",
        },
    ),
    "oom-growth": ([], {"crunch": "Succeeded 3"}),
    "retries": ([], {"flaky": "Succeeded 3", "report": "Succeeded 1"}),
    "conditional": (
        [],
        {
            "check": "Succeeded 1",
            "repair": "Succeeded 1",
            "celebrate": "Skipped",
            "report": "Succeeded 1",
        },
    ),
    "resume": (
        ["--param", "database=up"],
        {"extract": "Succeeded 1", "load": "Succeeded 1", "report": "Succeeded 1"},
    ),
    "parameters": (
        ["--param", "greeting=Servus"],
        {"choose": "Succeeded 1", "greet": "Succeeded 1"},
    ),
    "on-exit": ([], {"work": "Succeeded 1", "tidy": "Succeeded 1", "complain": "Skipped"}),
    "limits": (
        [],
        {f"{kind}-{part}": "Succeeded 1" for kind in ("crunch", "store") for part in "abcd"},
    ),
    "map": ([], {"count": "Succeeded 1", "report": "Succeeded 1"}),
    "templates": (
        ["--param", "day=2026-02-01"],
        {
            "north": "Succeeded 1",
            "south": "Succeeded 1",
            "both": "Succeeded 1",
            "again": "Succeeded 1",
        },
    ),
}

LOGS = {
    "etl-diamond": ("load", "loaded 200 rows\n"),
    "array": ("grid", "rate 0.01 seed 3\n"),
    "retries": ("flaky", "attempt 3: connected\n"),
    "conditional": ("repair", "repairing 3 errors\n"),
    "resume": ("load", "attempt 1: loaded 120 rows\n"),
    "parameters": ("greet", "Servus, Ada!\n"),
    "on-exit": ("tidy", "tidied up after Succeeded\n"),
    "map": ("report", '12 of 12 counted\n{"index": 11, "result": 63951}\n'),
    "templates": ("both", "counting both of 2026-02-01 on 2026-02-01\n"),
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_renders_as_stored(example: Path) -> None:
    result = CliRunner().invoke(app, ["render", str(example)])
    assert result.exit_code == 0, result.output
    golden = GOLDEN / example.name
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(result.stdout)
    assert result.stdout == golden.read_text()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs_as_it_says(example: Path, tmp_path: Path) -> None:
    arguments, expected = RUNS[example.stem]
    result = CliRunner().invoke(app, ["run", str(example), "--workdir", str(tmp_path), *arguments])
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    shown = {row[0]: row[1:3] for row in rows[1:-1]}
    assert list(shown) == list(expected)
    for name, words in expected.items():
        assert shown[name][: len(words.split())] == words.split()
    if example.stem in LOGS:
        name, text = LOGS[example.stem]
        logs = sorted((tmp_path / name).rglob("main.log"))
        assert logs[-1].read_text() == text


def test_a_person_can_say_no(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["run", str(ROOT / "examples/manual-approval.yaml"), "--workdir", str(tmp_path)]
    )
    assert result.exit_code == 1
    assert not (tmp_path / "release").exists()
