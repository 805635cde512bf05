"""Tasks become few steps, and what waits for what stays as it was."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from jobflows.api.source import load
from jobflows.api.validation import check
from jobflows.cli.main import app
from jobflows.engine import CompiledFlow
from jobflows.sdk import Task, Tool, Workflow
from jobflows.sdk.flow import Built, Place, build
from jobflows.sdk.layout import arrange
from unit.sdk.workflows import IMAGE, Lab

Edges = list[frozenset[int]]


def graph_of(kinds: list[int], edges: Edges) -> tuple[Workflow, list[Task]]:
    """A workflow with a task for each number, of templates by kind."""
    tool = Tool("t", image=IMAGE)
    templates = [
        tool.get_task_template(f"k{kind}", "run {x}", node_args=["x"])
        for kind in range(max(kinds, default=0) + 1)
    ]
    tasks = [templates[kind].create_task(x=i) for i, kind in enumerate(kinds)]
    for task, above in zip(tasks, edges, strict=True):
        task.add_upstreams(tasks[i] for i in above)
    workflow = tool.create_workflow("1")
    workflow.add_tasks(tasks)
    return workflow, tasks


def read_back(built: Built, tasks: list[Task]) -> Edges:
    """What each task waits for, as the engine reads the flow."""
    checked = check(built.document)
    assert checked.flow is not None, checked.problems
    flow = CompiledFlow.compile(checked.flow)
    by_place = {place: i for i, task in enumerate(tasks) for place in [built.places[task]]}
    members: dict[str, list[int]] = {}
    for place, i in by_place.items():
        members.setdefault(place.step, []).append(i)
    found = []
    for task in tasks:
        place = built.places[task]
        step = flow.steps[flow.graph.index[place.step]]
        above: set[int] = set()
        for parent in flow.graph.parents[step.index]:
            name = flow.graph.names[parent]
            if parent in step.index_parents:
                above.add(by_place[Place(name, place.index)])
            else:
                above.update(members[name])
        found.append(frozenset(above))
    return found


def closed(edges: Edges) -> Edges:
    """What each task waits for, directly or not; edges lead to lower numbers."""
    found: Edges = []
    for above in edges:
        found.append(above.union(*(found[i] for i in above)))
    return found


@st.composite
def regular(draw: st.DrawFn) -> tuple[list[int], Edges]:
    """Layers as programs make them: task by task, all to all, in blocks, or at random."""
    kinds: list[int] = []
    edges: Edges = []
    layers: list[list[int]] = []
    for number in range(draw(st.integers(1, 5))):
        size = draw(st.sampled_from([1, 2, 4, 4, 6]))
        layer = list(range(len(kinds), len(kinds) + size))
        kind = draw(st.integers(0, number))
        above: list[set[int]] = [set() for _ in layer]
        for before in layers:
            how = draw(st.sampled_from(["none", "all", "each", "blocks", "random"]))
            for i, own in enumerate(above):
                if how == "all":
                    own.update(before)
                elif how == "each" and len(before) == size:
                    own.add(before[i])
                elif how == "blocks":
                    own.add(before[i * len(before) // size])
                elif how == "random":
                    own.update(draw(st.sets(st.sampled_from(before), max_size=2)))
        kinds += [kind] * size
        edges += [frozenset(own) for own in above]
        layers.append(layer)
    return kinds, edges


@settings(deadline=None, max_examples=50)
@given(regular(), st.randoms(use_true_random=False))
def test_the_flow_has_the_dependencies_of_the_tasks(
    graph: tuple[list[int], Edges], order: random.Random
) -> None:
    kinds, edges = graph
    workflow, tasks = graph_of(kinds, edges)
    built = build(workflow)

    found = read_back(built, tasks)

    # One array cannot wait for another both as a whole and task by task: then what follows from
    # the rest is left out.
    assert all(own <= wanted for own, wanted in zip(found, edges, strict=True))
    assert closed(found) == closed(edges)

    again, same = graph_of(kinds, edges)
    again._tasks = dict.fromkeys(order.sample(same, len(same)))
    assert build(again).document["spec"] == built.document["spec"]
    assert load(workflow.to_yaml())[0].value == built.document


def groups(kinds: list[str], edges: dict[int, list[int]]) -> list[tuple[int, bool]]:
    """The sizes of groups, and whether they go task by task."""
    upstreams = [frozenset(edges.get(i, [])) for i in range(len(kinds))]
    return [(len(group.members), group.by_index) for group in arrange(kinds, upstreams)]


def test_equal_tasks_become_one_array() -> None:
    assert groups(["a"] * 5, {}) == [(5, False)]


def test_a_fan_is_three_steps() -> None:
    edges = {i: [0] for i in range(1, 6)} | {6: [1, 2, 3, 4, 5]}
    assert groups(["root", *["leaf"] * 5, "join"], edges) == [(1, False), (5, False), (1, False)]


def test_each_after_its_own_is_index_by_index() -> None:
    assert groups(["a"] * 4 + ["b"] * 4, {i + 4: [i] for i in range(4)}) == [(4, False), (4, True)]


def test_blocks_become_an_array_each_and_what_joins_them_stays_alone() -> None:
    edges = {6 + block: [3 * block, 3 * block + 1, 3 * block + 2] for block in range(2)}
    assert groups(["a"] * 6 + ["b"] * 2, edges) == [(3, False), (3, False), (1, False), (1, False)]


def test_an_array_that_is_done_anyway_is_left_out_beside_a_pairing() -> None:
    # b_i waits for all a; c_i for its b_i and, which says nothing more, for all a.
    every = [0, 1, 2]
    edges = {3 + i: every for i in range(3)} | {6 + i: [3 + i, *every] for i in range(3)}
    upstreams = [frozenset(edges.get(i, [])) for i in range(9)]
    found = arrange(["a"] * 3 + ["b"] * 3 + ["c"] * 3, upstreams)
    assert [(len(g.members), g.parents, g.by_index) for g in found] == [
        (3, (), False),
        (3, (0,), False),
        (3, (1,), True),
    ]


def test_pairs_that_do_not_agree_on_an_order_stay_apart() -> None:
    # b_i after a_i; c_i after b_i, and after the a of its neighbour.
    edges = {2: [0], 3: [1], 4: [2, 1], 5: [3, 0]}
    found = groups(["a", "a", "b", "b", "c", "c"], edges)
    assert sum(size for size, _ in found) == 6
    assert not any(by_index for _, by_index in found)


def test_a_long_chain_of_one_template_is_arranged_at_once() -> None:
    found = arrange(["a"] * 3000, [frozenset([i - 1] if i else []) for i in range(3000)])
    assert len(found) == 3000


def test_tasks_of_a_product_are_a_matrix_and_others_are_items(lab: Lab) -> None:
    grid = lab.tool.get_task_template("grid", "run {rate} {seed}", node_args=["seed", "rate"])
    workflow = lab.workflow(*grid.create_tasks(seed=[10, 9], rate=[0.5, "x y"]))
    (step,) = workflow.to_flow()["spec"]["steps"]
    assert step["array"] == {"matrix": {"rate": ["0.5", "x y"], "seed": [9, 10]}}
    assert step["arguments"] == {"rate": "{{ task.rate }}", "seed": "{{ task.seed }}"}

    partial = lab.workflow(*grid.create_tasks(seed=[10, 9], rate=[0.5, "x y"])[:3], args="2")
    (step,) = partial.to_flow()["spec"]["steps"]
    assert step["array"]["items"] == [
        {"rate": "0.5", "seed": 9},
        {"rate": "0.5", "seed": 10},
        {"rate": "x y", "seed": 10},
    ]


def test_more_tasks_than_a_list_takes_are_several_arrays(lab: Lab) -> None:
    first, second = (
        lab.tool.get_task_template(name, "run {x}", node_args=["x"]).create_tasks(x=range(10_001))
        for name in ("first", "second")
    )
    for before, after in zip(first, second, strict=True):
        after.add_upstream(before)
    built = build(lab.workflow(*first, *second))
    told = [
        (step["name"], step.get("dependencies"), len(next(iter(step["array"].values()))))
        for step in built.document["spec"]["steps"]
    ]
    assert [(name, above) for name, above, _ in told] == [
        ("first", None),
        ("first-part-2", None),
        ("second", ["first"]),
        ("second-part-2", ["first-part-2"]),
    ]
    assert built.places[second[10_000]] == Place("second-part-2", 0)


LETTERS = st.characters(exclude_characters="\0{", exclude_categories=["Cs"])
"""All but NUL, and what begins a placeholder; both are refused."""


@settings(deadline=None, max_examples=40)
@example(["\x85", "a\u2028b", "a\n\u2029"], True)
@given(st.lists(st.text(LETTERS, max_size=8), min_size=2, max_size=4, unique=True), st.booleans())
def test_values_reach_tasks_as_they_are(texts: list[str], grid: bool) -> None:
    tool = Tool("t", image=IMAGE)
    template = tool.get_task_template("t", "run {x} {y}", node_args=["x"], op_args=["y"])
    workflow = tool.create_workflow("1")
    tasks = [template.create_task(x=x, y="" if grid else x) for x in texts]
    workflow.add_tasks(tasks)
    built = build(workflow)
    (document,) = load(workflow.to_yaml())
    assert document.value == built.document
    flow = check(document.value).flow
    assert flow is not None
    for task in tasks:
        place = built.places[task]
        step = CompiledFlow.compile(flow).steps[[s.name for s in flow.spec.steps].index(place.step)]
        if place.index is None:
            assert step.spec.arguments == task.args
        else:
            assert step.values is not None
            own = step.values[place.index]
            told = {f"{{{{ task.{key} }}}}": value for key, value in own.items()}
            assert {n: told.get(t, t) for n, t in step.spec.arguments.items()} == task.args


def test_a_flow_of_a_workflow_is_clean_to_lint(lab: Lab, tmp_path: Path) -> None:
    first = lab.template("first").create_tasks(x=[1, 2], files=".", compute_resources={"memory": 1})
    last = lab.template("last").create_task(x=first[0].output("rows"), files=".")
    file = tmp_path / "flow.yaml"
    file.write_text(lab.workflow(*first, last).to_yaml())
    result = CliRunner().invoke(app, ["lint", str(file)])
    assert (result.exit_code, result.stdout) == (0, ""), result.output


def names_of(workflow: Workflow) -> list[str]:
    steps: list[dict[str, Any]] = build(workflow).document["spec"]["steps"]
    return [step["name"] for step in steps]


def test_steps_are_called_by_what_tells_them_apart(lab: Lab) -> None:
    fit = lab.tool.get_task_template("Fit", "fit {region} {year}", node_args=["region", "year"])
    sums = lab.tool.get_task_template("sums", "sum {region}", node_args=["region"])
    workflow = lab.workflow()
    for region in ("north", "Süd"):
        tasks = fit.create_tasks(region=region, year=[1, 2])
        workflow.add_tasks([*tasks, sums.create_task(region=region, upstream_tasks=tasks)])
    assert names_of(workflow) == ["fit-s-d", "fit-north", "sums-s-d", "sums-north"]


def test_names_that_would_be_the_same_or_too_long_get_a_hash(lab: Lab) -> None:
    run = lab.tool.get_task_template("run", "run {x}", node_args=["x"])
    tasks = [run.create_task(x=x) for x in ("a.b", "a_b", "c" * 90)]
    for before, after in pairwise(tasks):
        after.add_upstream(before)
    first, second, third = names_of(lab.workflow(*tasks))
    assert first == "run-a-b"
    assert second.startswith("run-a-b-")
    assert (len(second), len(third)) == (14, 63)
