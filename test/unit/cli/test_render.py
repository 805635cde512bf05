"""`jobflow render`: manifests without a cluster."""

import json
from pathlib import Path

import yaml

from jobflows.api.source import load
from jobflows.cli.documents import to_yaml
from unit.cli.test_run import jobflow, write
from unit.local.local_runs import step


def test_jobs_come_in_topological_order_behind_resources(tmp_path: Path) -> None:
    maps = {"configMapTemplates": [{"metadata": {"name": "m"}, "data": {"k": "v"}}]}
    flow = write(
        tmp_path,
        step("b", dependencies=["ask"]),
        {"name": "ask", "type": "Manual", "dependencies": ["a"]},
        step("a"),
        resourceTemplates=maps,
    )
    result = jobflow("render", flow)
    names = [d["metadata"]["name"] for d in yaml.safe_load_all(result.stdout) if d]
    assert names == ["flow-m", "flow-a-1", "flow-b-1"]
    assert "# Step ask waits for a person" in result.stdout
    items = json.loads(jobflow("render", flow, "-o", "json").stdout)["items"]
    assert [item["metadata"]["name"] for item in items] == names


def test_values_of_the_run_are_shown_by_their_place(tmp_path: Path) -> None:
    output = {"parameters": [{"name": "rows", "valueFrom": {"jsonPath": "$.rows"}}]}
    source = {"name": "rows", "valueFrom": {"jsonPath": "a:$.outputs.rows"}}
    flow = write(
        tmp_path,
        step("a", "echo {{ parameters.day }}", outputs=output),
        step(
            "b",
            "echo {{ parameters.rows }}",
            dependencies=["a"],
            inputs={"parameters": [source]},
        ),
        parameters=[{"name": "day", "value": "monday"}],
    )
    text = jobflow("render", flow, "-p", "day=friday").stdout
    assert "echo friday" in text
    assert "echo <steps.a.outputs.rows>" in text


def test_words_that_kubectl_would_misread_are_quoted() -> None:
    for word in ("y", "n", "1e3", "0o7", "12:30", "on", "1.5"):
        assert [document.value for document in load(to_yaml({"key": word}))] == [{"key": word}]
