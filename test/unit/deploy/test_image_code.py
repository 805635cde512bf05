"""The part of JobFlow in the image of map steps works without the rest, and without packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from unit.docs.pages import ROOT


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the image `jobflow-runtime`."""
    folder = tmp_path_factory.mktemp("image")
    tree = ROOT / "deploy" / "image" / "tree.py"
    subprocess.run([sys.executable, tree, "code", "runtime", folder], check=True)
    return folder


def _jobflow(image: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`jobflow` as in a pod: -S leaves out what is installed beside the standard library."""
    packages = image / "usr/lib/python3/dist-packages"
    return subprocess.run(
        [sys.executable, "-S", str(image / "usr/local/bin/jobflow"), *words],
        env={"PYTHONPATH": str(packages), "PATH": os.environ["PATH"]},
        cwd=image,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_map_runs(image: Path) -> None:
    (image / "items.jsonl").write_text("4\n9\n")
    out = image / "roots.jsonl"
    done = _jobflow(image, "map", "math:sqrt", "--items", "items.jsonl", "--out", str(out))
    assert done.returncode == 0, done.stderr
    lines = map(json.loads, out.read_text().splitlines())
    assert [line["result"] for line in lines] == [2.0, 3.0]


def test_a_function_of_a_flow_can_be_called(image: Path) -> None:
    done = _jobflow(image, "call", "--help")
    assert done.returncode == 0, done.stderr


def test_what_a_pod_does_not_run_is_left_out(image: Path) -> None:
    parts = {path.name for path in (image / "usr/lib/python3/dist-packages/jobflows").iterdir()}
    assert "chunking" in parts
    assert not parts & {"api", "cluster", "controller", "engine", "sdk", "webhook"}


def test_the_operators_image_has_what_pages_are_made_of(tmp_path: Path) -> None:
    tree = ROOT / "deploy" / "image" / "tree.py"
    subprocess.run([sys.executable, tree, "code", "operator", tmp_path], check=True)
    made = tmp_path / "usr/lib/python3/dist-packages/jobflows/web"
    own = ROOT / "operator" / "jobflows" / "web"
    for folder in ("static", "templates"):
        names = {path.name for path in (own / folder).iterdir()}
        assert names
        assert {path.name for path in (made / folder).iterdir()} == names
