"""Every example in Python runs on this machine, and a flow made of it is valid."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

RUNS = {
    "parameter_sweep": (["{out}"], ["Succeeded (7 succeeded)", "the best rate is 0.3"]),
    "map_reduce": (["{texts}", "{out}"], ["Succeeded (4 succeeded)", "most often: b, a, c"]),
    "model_fit": ([], ["Succeeded (5 succeeded)", "fit-west ran again after: OutOfMemory", "95 %"]),
}


def run(name: str, tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run an example as a person would."""
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "JOBFLOW_HOME": str(tmp_path / "home")},
    )


@pytest.mark.parametrize("name", RUNS)
def test_it_runs_and_says_so(name: str, tmp_path: Path) -> None:
    texts, out = tmp_path / "texts", tmp_path / "out"
    texts.mkdir()
    for file, text in {"1.md": "a b b", "it's.md": "B c", "3.md": "b a"}.items():
        (texts / file).write_text(text)
    words, says = RUNS[name]

    done = run(name, tmp_path, *(word.format(texts=texts, out=out) for word in words))

    assert done.returncode == 0, done.stdout + done.stderr
    assert all(line in done.stdout for line in says), done.stdout + done.stderr
    if name == "map_reduce":
        again = run(name, tmp_path, str(texts), str(out), "--resume")
        assert "there is nothing to resume" in again.stderr


def test_each_example_is_listed() -> None:
    found = {file.stem for file in (ROOT / "examples").glob("*.py")}
    assert found == {*RUNS, "mandelbrot"}
