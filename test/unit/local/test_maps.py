"""Map steps on this machine: the same command, cut in the same way, and learnt from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from jobflows.cli.main import app
from jobflows.local.knowledge import earlier_measures
from unit.manifests.made import made, template

CODE = """
import time

def double(x):
    return 2 * x

def picky(x):
    if x == 3:
        raise ValueError("bad row")
    return x
"""


def flow(**how: Any) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "not-used",
        "workingDir": "/code",
        "volumeMounts": [
            {"name": "code", "mountPath": "/code"},
            {"name": "state", "mountPath": "/state"},
        ],
    }
    pod = {
        "containers": [container],
        "volumes": [
            {"name": "code", "configMap": {"name": "code"}},
            {"name": "state", "persistentVolumeClaim": {"claimName": "state"}},
        ],
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": "f"},
        "spec": {
            "resourceTemplates": {
                "configMapTemplates": [{"metadata": {"name": "code"}, "data": {"work.py": CODE}}],
                "volumeClaimTemplates": [{"metadata": {"name": "state"}, "spec": claim}],
            },
            "steps": [
                {
                    "name": "a",
                    "template": {"spec": {"template": {"spec": pod}}},
                    "map": {"workers": 1, "out": "/state/out-{{ task.index }}.jsonl", **how},
                }
            ],
        },
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOBFLOW_HOME", str(tmp_path / "home"))
    return tmp_path


def run(folder: Path, document: dict[str, Any], code: int = 0) -> dict[str, Any]:
    file = folder / "flow.yaml"
    file.write_text(yaml.safe_dump(document))
    done = CliRunner().invoke(app, ["run", str(file), "-o", "json", "--quiet"])
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_blocks_run_as_tasks_and_their_results_count_through(folder: Path) -> None:
    document = flow(function="work:double", items=[1, 2, 3], itemsPerTask=2)
    done = run(folder, document)
    (step,) = done["status"]["steps"]
    assert step["tasks"]["summary"] == "2/2"
    assert (step["map"]["tasks"], step["map"]["items"], step["map"]["done"]) == (2, 3, 3)
    (volume,) = Path(done["workdir"], "_volumes").iterdir()
    lines = [line for n in (0, 1) for line in (volume / f"out-{n}.jsonl").read_text().split("\n")]
    assert [json.loads(line) for line in lines if line] == [
        {"index": n, "result": 2 * (n + 1)} for n in range(3)
    ]


def test_failed_items_are_values_where_the_step_says_so(folder: Path) -> None:
    items = {"items": [1, 2, 3], "itemsPerTask": 2}
    (step,) = run(folder, flow(function="work:picky", errors="return", **items))["status"]["steps"]
    assert step["phase"] == "Succeeded"
    assert (step["map"]["done"], step["map"]["failed"]) == (2, 1)
    assert step["map"]["failedItems"][0]["index"] == 2
    assert "bad row" in step["map"]["failedItems"][0]["error"]
    (step,) = run(folder, flow(function="work:picky", **items), code=1)["status"]["steps"]
    assert step["phase"] == "Failed"


def test_the_next_run_knows_what_this_one_measured(folder: Path) -> None:
    run(folder, flow(function="work:double", items=[1, 2, 3]))
    mapping = {"function": "work:double", "items": [1]}
    known = earlier_measures(made(template(), step={"map": mapping}), folder / "home" / "runs")
    assert known["work:double"].items == 3


def test_what_is_no_run_teaches_nothing(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"steps": [3]}'), ("d", "{}")):
        (runs / name).mkdir(parents=True)
        (runs / name / "status.json").write_text(text)
    (runs / "file").write_text("")
    one = made(template(), step={"map": {"function": "work:double", "items": [1]}})
    assert earlier_measures(one, runs) == {}
    assert earlier_measures(one, tmp_path / "nowhere") == {}
