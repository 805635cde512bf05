"""`jobflow graph`: layers, phases, the critical path, groups of a large flow, and every format."""

from __future__ import annotations

import itertools
import json
import random
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from jobflows.api.model import JobFlow
from jobflows.cli.graph.command import Format, show
from jobflows.cli.main import app
from jobflows.drawing.layout import Size, arrange
from jobflows.drawing.picture import Picture, draw
from jobflows.drawing.svg import to_svg
from jobflows.engine import CompiledFlow, FlowPhase, Ledger, StepPhase, StepRecord
from jobflows.engine.indexes import IndexSet
from jobflows.engine.tasks import Tasks
from unit.local.local_runs import document, step

SVG = "{http://www.w3.org/2000/svg}"
DIAMOND = (
    step("a"),
    step("b"),
    step("join", dependencies=["a", "b"]),
    step("last", dependencies=["join"]),
)


def compiled(*steps: dict[str, Any], **spec: Any) -> CompiledFlow:
    return CompiledFlow.compile(JobFlow.model_validate(document(*steps, **spec)))


def ran(flow: CompiledFlow, **records: StepRecord) -> Ledger:
    """A ledger of a flow that has begun at 0."""
    steps = [records.get(name.replace("-", "_"), StepRecord()) for name in flow.graph.names]
    return Ledger(phase=FlowPhase.RUNNING, started=0.0, steps=steps)


def done(start: float, end: float) -> StepRecord:
    return StepRecord(phase=StepPhase.SUCCEEDED, started=start, finished=end, attempt=1)


def jobflow(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, words, input=stdin)


def written(tmp_path: Path, *steps: dict[str, Any]) -> str:
    file = tmp_path / "flow.yaml"
    file.write_text(yaml.safe_dump(document(*steps)))
    return str(file)


def by_name(picture: Picture, name: str) -> Any:
    return next(node for node in picture.nodes if node.name == name)


def test_the_table_has_layers_what_each_step_waits_for_and_the_critical_path(
    tmp_path: Path,
) -> None:
    lines = jobflow("graph", written(tmp_path, *DIAMOND)).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["flow"],
        ["LAYER", "STEP", "STATE", "AFTER"],
        ["1", "*", "a"],
        ["b"],
        ["2", "*", "join", "a,", "b"],
        ["3", "*", "last", "join"],
        ["*", "critical", "path:", "3", "steps:", "a", ">", "join", ">", "last"],
    ]


def test_the_critical_path_is_what_took_longest_with_the_mean_for_the_rest() -> None:
    flow = compiled(*DIAMOND)
    picture = draw(flow, ran(flow, a=done(0, 1), b=done(0, 8)), 9.0, 200)
    assert picture.critical_names == ("b", "join", "last")
    assert picture.critical_seconds == 8.0


def test_an_array_is_one_node_with_the_counts_of_its_tasks() -> None:
    flow = compiled(step("fit", array={"count": 10}))
    assert draw(flow, None, 0.0, 200).nodes[0].details == ("10 tasks",)
    tasks = Tasks(
        total=10,
        succeeded=IndexSet.span(0, 6),
        failed=IndexSet.of([7]),
        batches={1: IndexSet.of([8])},
    )
    record = StepRecord(phase=StepPhase.RUNNING, started=1.0, tasks=tasks, attempt=1)
    node = draw(flow, ran(flow, fit=record), 3.0, 200).nodes[0]
    assert node.details == ("Running 2.00s", "6/10 tasks, 1 failed, 1 running")


def test_exit_handlers_come_last_and_are_not_critical() -> None:
    flow = compiled(step("a"), onExit=[step("tell"), step("clean", dependencies=["tell"])])
    picture = draw(flow, None, 0.0, 200)
    assert [
        node.name for layer in picture.layers for node in (picture.nodes[i] for i in layer)
    ] == [
        "a",
        "tell",
        "clean",
    ]
    assert [node.critical for node in picture.nodes] == [True, False, False]


def test_a_wide_fan_is_one_group_between_its_ends() -> None:
    names = [f"fit-{i}" for i in range(300)]
    middle = [step(name, dependencies=["first"]) for name in names]
    flow = compiled(step("first"), *middle, step("last", dependencies=names))
    failed = StepRecord(phase=StepPhase.FAILED, started=0.0, finished=1.0)
    picture = draw(flow, ran(flow, fit_7=failed), 2.0, 200)
    assert [(node.name, node.steps) for node in picture.nodes] == [
        ("first", 1),
        ("fit-*", 300),
        ("last", 1),
    ]
    assert by_name(picture, "fit-*").phase is StepPhase.FAILED
    assert by_name(picture, "fit-*").details == ("300 steps", "1 Failed", "299 Pending")
    assert picture.edges == ((0, 1), (1, 2))
    assert picture.hidden == 300


@pytest.mark.parametrize("shape", ["chain", "chains", "random"])
def test_ten_thousand_steps_become_few_groups_without_a_cycle(shape: str) -> None:
    rng, shared = random.Random(1), {"templateRef": "t"}
    count = 10_000 if shape == "random" else 2_000
    above: dict[int, list[int]] = {
        "chain": {i: [i - 1] for i in range(1, count)},
        "chains": {i: [i - 100] for i in range(100, count)},
        "random": {i: [rng.randrange(i)] for i in range(1, count)},
    }[shape]
    steps = [
        {"name": f"s{i}", **shared, "dependencies": [f"s{j}" for j in above.get(i, ())]}
        for i in range(count)
    ]
    flow = compiled(*steps, templates=[{"name": "t", "template": step("x")["template"]}])
    picture = draw(flow, None, 0.0, 200)
    assert len(picture.nodes) <= 200
    assert sum(node.steps for node in picture.nodes) == count
    assert all(picture.nodes[a].layer < picture.nodes[b].layer for a, b in picture.edges)
    ElementTree.fromstring(to_svg(picture))


@given(st.integers(0, 10**9))
@settings(max_examples=30, deadline=None)
def test_boxes_do_not_overlap_and_keep_their_layers(seed: int) -> None:
    rng = random.Random(seed)
    count = rng.randint(1, 40)
    depth = sorted(rng.randrange(6) for _ in range(count))
    layers = [[i for i in range(count) if depth[i] == d] for d in sorted(set(depth))]
    edges = [
        (a, b)
        for a, b in itertools.combinations(range(count), 2)
        if depth[a] < depth[b] and rng.random() < 0.2
    ]
    sizes = [Size(rng.uniform(20, 90), rng.uniform(10, 50)) for _ in range(count)]
    layout = arrange(layers, edges, sizes, main_gap=30, cross_gap=8)
    for layer in layers:
        spans = sorted(
            (layout.places[i][1] - sizes[i].cross / 2, layout.places[i][1] + sizes[i].cross / 2)
            for i in layer
        )
        assert spans[0][0] >= -1e-6
        assert spans[-1][1] <= layout.cross + 1e-6
        assert all(b[0] - a[1] > 7.99 for a, b in itertools.pairwise(spans))
    ends = [max(layout.places[i][0] + sizes[i].main / 2 for i in layer) for layer in layers]
    begins = [min(layout.places[i][0] - sizes[i].main / 2 for i in layer) for layer in layers]
    assert all(end < begin for end, begin in zip(ends, begins[1:], strict=False))


def test_the_svg_names_every_step_in_its_box_and_says_why_it_failed() -> None:
    flow = compiled(*DIAMOND)
    bad = StepRecord(
        phase=StepPhase.FAILED, started=0.0, finished=1.0, message='"x" < 3 & \x1b[31m'
    )
    root = ElementTree.fromstring(to_svg(draw(flow, ran(flow, a=bad), 2.0, 200)))
    boxes = [group for group in root.iter(f"{SVG}g") if group.find(f"{SVG}rect") is not None]
    names = {}
    for group in boxes:
        rect, text = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert rect is not None
        assert text is not None
        left, width = float(rect.attrib["x"]), float(rect.attrib["width"])
        assert left < float(text.attrib["x"]) < left + width
        names[text.text] = group.findtext(f"{SVG}title")
    assert names.keys() == {"a", "b", "join", "last"}
    assert names["a"] == 'a: Failed 1.00s: "x" < 3 &  [31m'


def test_dot_and_mermaid_have_the_same_edges(tmp_path: Path) -> None:
    file = written(tmp_path, *DIAMOND)
    dot, mermaid = (jobflow("graph", file, "-o", form).stdout for form in ("dot", "mermaid"))
    edges = re.findall(r"n(\d) -> n(\d)", dot)
    assert edges == re.findall(r"n(\d) --> n(\d)", mermaid)
    assert len(edges) == 3
    assert '[label="join"' in dot
    assert 'n2["join"]:::planned' in mermaid


def test_json_has_every_step_however_many(capsys: pytest.CaptureFixture[str]) -> None:
    flow = compiled(*(step(f"s{i}") for i in range(250)))
    show(flow, ran(flow, s3=done(1, 2.5), s4=done(1, 2)), 3.0, Format.JSON, 200)
    found = json.loads(capsys.readouterr().out)
    assert len(found["steps"]) == 250
    assert found["steps"][3] == {
        "name": "s3",
        "type": "Job",
        "layer": 0,
        "critical": True,
        "phase": "Succeeded",
        "seconds": 1.5,
    }
    assert found["criticalPath"] == ["s3"]


def test_a_flow_comes_from_standard_input(tmp_path: Path) -> None:
    text = Path(written(tmp_path, *DIAMOND)).read_text()
    found = yaml.safe_load(jobflow("graph", "-", "-o", "yaml", stdin=text).stdout)
    assert found["criticalPath"] == ["a", "join", "last"]


def test_problems_of_a_file_are_told_as_lint_tells_them(tmp_path: Path) -> None:
    result = jobflow("graph", written(tmp_path, step("a", dependencies=["b"])))
    assert (result.exit_code, "spec.steps[0].dependencies[0]" in result.stderr) == (1, True)
    assert jobflow("graph", str(tmp_path / "none.yaml")).exit_code == 2
