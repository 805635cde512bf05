"""A batch of tasks as an Indexed Job; its containers are run here by a real shell."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobflows.engine import Grown, StartAttempt
from jobflows.engine.indexes import IndexSet
from jobflows.local.expansion import expand
from jobflows.manifests.job import build_job
from unit.manifests.made import Object, made, template

PRINT = ["printf", "%s|"]


def batch(array: Object, tasks: str, container: Object, **step: Any) -> Any:
    flow = made(template(container), step={"array": array, **step})
    values = flow.steps[0].values
    return build_job(flow, StartAttempt(0, 1, {"p": "P"}, IndexSet.parse(tasks), values))


def runs(job: Any, position: int) -> list[str]:
    """What the container prints as the pod at `position` of the Job."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    env = {"JOB_COMPLETION_INDEX": str(position), "PATH": "/usr/bin:/bin"}
    for variable in container.get("env", ()):
        env[variable["name"]] = expand(variable["value"], env)
    words = [*container["command"], *container.get("args", ())]
    command = [expand(word, env) for word in words]
    done = subprocess.run(command, env=env, capture_output=True, check=True)
    return done.stdout.decode().split("|")[:-1]


def test_the_job_runs_each_task_once_all_at_the_same_time() -> None:
    job = batch({"count": 9}, "2-4,8", {}, timeoutSeconds=30)
    assert job["metadata"]["annotations"] == {"workflow.kube-zen.io/tasks": "2-4,8"}
    spec = job["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 4, 4)
    assert (spec["backoffLimitPerIndex"], spec["podReplacementPolicy"]) == (0, "Failed")
    assert "backoffLimit" not in spec
    pod = spec["template"]
    assert pod["spec"]["activeDeadlineSeconds"] == 30
    assert pod["spec"]["containers"][0]["env"] == [{"name": "JOBFLOW_TASKS", "value": "2-4,8"}]
    assert "workflow.kube-zen.io/managed-by" not in pod["metadata"]["labels"]  # not watched


def test_a_batch_has_what_its_tasks_have_grown_to() -> None:
    asked = {"limits": {"memory": "32Mi"}}
    growth = {"resources": {"memory": {"factor": 2}, "timeout": {"factor": 2}}}
    step = {"array": {"count": 9}, "timeoutSeconds": 30, "retryPolicy": growth}
    flow = made(template({"resources": asked}), step=step)
    grown = Grown(memory=64 * 2**20, timeout=60)
    start = StartAttempt(0, 2, {}, IndexSet.parse("3"), flow.steps[0].values, grown)
    pod = build_job(flow, start)["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"] == {"limits": {"memory": "64Mi"}}
    assert pod["activeDeadlineSeconds"] == 60


@pytest.mark.parametrize(("position", "index"), [(0, "2"), (2, "4"), (3, "8")])
def test_a_task_learns_its_index(position: int, index: str) -> None:
    job = batch({"count": 9}, "2-4,8", {"command": PRINT, "args": ["<{{ task.index }}>"]})
    assert runs(job, position) == [f"<{index}>"]


def test_items_and_parameters_meet_in_one_word() -> None:
    known = [{"name": "p", "value": "P"}]
    container = {"command": PRINT, "args": ["{{ parameters.p }}-{{task.item}}", "$(JOBFLOW_TASKS)"]}
    flow = made(template(container), step={"array": {"items": ["a b", "c'd"]}}, parameters=known)
    start = StartAttempt(0, 1, {"p": "$x"}, IndexSet.parse("0-1"), flow.steps[0].values)
    assert runs(build_job(flow, start), 1) == ["$x-c'd", "0-1"]


def test_mappings_give_each_key_and_env_may_use_them() -> None:
    items = [{"x": 1, "y": "one"}, {"x": 2, "y": "two"}]
    container = {
        "command": ["sh", "-c", 'printf "%s|" "$Z" {{ task.x }}'],
        "env": [{"name": "Z", "value": "<{{ task.y }}>"}],
    }
    assert runs(batch({"items": items}, "1", container), 0) == ["<two>", "2"]


@pytest.mark.parametrize("position", range(6))
def test_scenario_10_a_matrix_combines(position: int) -> None:
    matrix = {"y": ["a", "b", "c"], "x": [1, 2]}
    job = batch({"matrix": matrix}, "0-5", {"command": [*PRINT, "{{ task.x }}", "{{ task.y }}"]})
    x, y = divmod(position, 3)
    assert runs(job, position) == [str(x + 1), "abc"[y]]


def test_arguments_of_a_shared_template_may_mention_tasks() -> None:
    shared = {"name": "t", "template": template({"command": [*PRINT, "{{ arguments.file }}"]})}
    flow = made(
        step={
            "template": None,
            "templateRef": "t",
            "arguments": {"file": "/data/{{ task.item }}.csv"},
            "array": {"items": ["a", "b"]},
        },
        templates=[shared],
    )
    start = StartAttempt(0, 1, {}, IndexSet.parse("0-1"), flow.steps[0].values)
    assert runs(build_job(flow, start), 1) == ["/data/b.csv"]


def test_a_container_that_does_not_ask_is_left_alone() -> None:
    job = batch({"count": 2}, "0-1", {"command": ["python", "main.py"]})
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == ["python", "main.py"]


@settings(max_examples=60)
@given(
    items=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0\n|"), max_size=12),
        min_size=1,
        max_size=4,
    ),
    around=st.text(st.characters(codec="ascii", exclude_characters="\0\n|{}$"), max_size=8),
    data=st.data(),
)
def test_any_value_arrives_as_it_is(items: list[str], around: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(items) - 1))
    word = around + "{{ task.item }}" + around
    job = batch({"items": items}, f"0-{len(items) - 1}", {"command": [*PRINT, word]})
    assert runs(job, position) == [around + items[position] + around]
