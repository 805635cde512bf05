"""The twenty-five scenarios of `engine/test_scenarios.py` as a user of Jobmon would write them.

Each runs on this machine, by the SDK. What makes no sense here is said where it stands: attempts
that outlive their runner (21, hot) and nodes that are lost (23) need a cluster, and are in
`cluster_suite/test_sdk.py`; clusters of equal errors and recommended requests (25) are for
commands.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from jobflows.local import Store, reopen
from jobflows.sdk import (
    DefinitionError,
    Task,
    TaskStatus,
    Tool,
    Workflow,
    WorkflowChangedError,
    WorkflowCompleteError,
    WorkflowError,
    WorkflowExistsError,
    WorkflowTimeoutError,
)
from jobflows.sdk.flow import build
from unit.sdk.workflows import IMAGE, Lab

SUCCEEDED, FAILED = TaskStatus.SUCCEEDED, TaskStatus.FAILED
SKIPPED, PENDING = TaskStatus.SKIPPED, TaskStatus.PENDING

FAILS_ONCE = '[ -e "$2/tried-$1" ] || { touch "$2/tried-$1"; echo no luck; exit 1; }'


def fork_and_join(lab: Lab, b: str, c: str = "true") -> tuple[Workflow, dict[str, list[Task]]]:
    """a, then three b, then a c for each b, then d."""
    first = lab.task("a")
    bs = lab.tasks("b", 3, b, upstream_tasks=[first])
    cs = lab.tasks("c", 3, c)
    for before, after in zip(bs, cs, strict=True):
        after.add_upstream(before)
    last = lab.task("d", "true", *cs)
    workflow = lab.workflow(first, *bs, *cs, last)
    return workflow, {"a": [first], "b": bs, "c": cs, "d": [last]}


def test_scenario_01_one_task(lab: Lab) -> None:
    task = lab.task("hello", "echo hello")

    outcome = lab.workflow(task).run()

    assert outcome.succeeded
    assert outcome.tasks == {SUCCEEDED: 1}
    assert (task.status, task.errors, task.log()) == (SUCCEEDED, [], "hello\n")


def test_scenario_02_a_chain_runs_in_order(lab: Lab) -> None:
    a = lab.task("a")
    b = lab.task("b", "true", a)
    c = lab.task("c", "true", b)
    workflow = lab.workflow(c, a, b)

    assert workflow.run().succeeded
    spans = [lab.span(workflow, task) for task in (a, b, c)]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_scenario_03_each_branch_goes_on_when_its_own_task_is_done(lab: Lab) -> None:
    workflow, tasks = fork_and_join(lab, 'sleep "0.$((1 + 3 * $1))"')

    outcome = workflow.run(parallelism=8)

    assert outcome.tasks == {SUCCEEDED: 8}
    (last_of_b,) = (lab.span(workflow, task) for task in tasks["b"][2:])
    assert lab.span(workflow, tasks["c"][0])[0] < last_of_b[1]


def test_scenario_04_a_fatal_branch_stops_only_what_follows_it(lab: Lab) -> None:
    workflow, tasks = fork_and_join(lab, '[ "$1" != 1 ] || { echo bad data; exit 3; }')

    outcome = workflow.run(parallelism=2)

    assert not outcome.succeeded
    assert outcome.tasks == {SUCCEEDED: 5, FAILED: 1, SKIPPED: 2}
    assert [task.status for task in tasks["b"]] == [SUCCEEDED, FAILED, SUCCEEDED]
    assert [task.status for task in (*tasks["c"], *tasks["d"])] == [
        SUCCEEDED,
        SKIPPED,
        SUCCEEDED,
        SKIPPED,
    ]
    errors = tasks["b"][1].errors
    assert [(e.cause, e.exit_code) for e in errors] == [("Application", 3)] * 3
    assert all("bad data" in error.message for error in errors)
    assert workflow.get_errors() == {tasks["b"][1]: errors}


def test_scenario_05_a_task_that_fails_once_is_tried_again(lab: Lab) -> None:
    workflow, tasks = fork_and_join(lab, f'[ "$1" != 1 ] || {FAILS_ONCE}')

    assert workflow.run().tasks == {SUCCEEDED: 8}
    assert len(lab.attempts(workflow, tasks["b"][1])) == 2
    assert [error.exit_code for error in tasks["b"][1].errors] == [1]


def test_scenario_06_no_task_of_a_bushy_graph_begins_before_all_it_waits_for(lab: Lab) -> None:
    a = lab.task("a")
    bs = lab.tasks("b", 3, "sleep 0.0$1", upstream_tasks=[a])
    cs = lab.tasks("c", 3, upstream_tasks=[a])
    for before, after in zip(bs, cs, strict=True):
        after.add_upstream(before)
    d = lab.task("d", "true", *bs, *cs)
    workflow = lab.workflow(a, *bs, *cs, d)

    assert workflow.run(parallelism=8).succeeded
    for task in workflow.tasks:
        for above in task.upstreams:
            assert lab.span(workflow, above)[1] <= lab.span(workflow, task)[0]


def test_scenario_07_a_duplicate_is_refused(lab: Lab) -> None:
    template = lab.tool.get_task_template(
        "fit", "fit {x} {version}", node_args=["x"], task_args=["version"]
    )
    workflow = lab.workflow(template.create_task(x=1, version="a"))

    with pytest.raises(DefinitionError, match="'fit-1' has the same node arguments as 'fit-1'"):
        workflow.add_task(template.create_task(x=1, version="a"))
    with pytest.raises(DefinitionError, match="give them another value"):
        workflow.add_task(template.create_task(x=1, version="b"))
    workflow.add_task(template.create_task(x=2, version="a"))


def test_scenario_08_a_cycle_is_refused_and_named(lab: Lab) -> None:
    a = lab.task("a")
    b = lab.task("b", "true", a)
    c = lab.task("c", "true", b)
    a.add_upstream(c)

    with pytest.raises(DefinitionError, match=r"wait for each other: .*a-0.*; remove one of these"):
        lab.workflow(a, b, c).validate()
    with pytest.raises(DefinitionError, match="'a-0' waits for itself"):
        a.add_upstream(a)


def test_scenario_08_an_upstream_that_was_not_added_is_refused_and_named(lab: Lab) -> None:
    a = lab.task("a")
    b = lab.task("b", "true", a)

    with pytest.raises(DefinitionError, match="'b-0' waits for 'a-0', which is not in workflow"):
        lab.workflow(b).run()


def test_scenario_09_an_empty_workflow_is_refused(lab: Lab) -> None:
    with pytest.raises(DefinitionError, match="'lab' has no tasks; add some with add_tasks"):
        lab.workflow().run()


def test_scenario_10_an_array_expands_to_the_product_of_its_values(lab: Lab) -> None:
    template = lab.tool.get_task_template("grid", "run {x} {y}", node_args=["x", "y"])

    tasks = template.create_tasks(x=[1, 2, 3], y=["a", "b"])

    assert [task.command for task in tasks] == [
        ["run", str(x), y] for x in (1, 2, 3) for y in ("a", "b")
    ]
    with pytest.raises(DefinitionError, match="'grid': argument 'y' is missing; give y="):
        template.create_tasks(x=[1, 2, 3])
    with pytest.raises(DefinitionError, match="'grid' has no argument 'z'; it has x, y"):
        template.create_tasks(x=1, y=1, z=1)
    assert template.create_tasks(x=[], y=["a"]) == []
    assert lab.tool.get_task_template("none", "run").create_tasks() == []


def test_scenario_11_defaults_come_down_to_the_task() -> None:
    tool = Tool("t", image=IMAGE, compute_resources={"cores": 1, "memory": "1Gi"}, max_attempts=2)
    workflow = tool.create_workflow("1", compute_resources={"cores": 2}, max_attempts=3)
    plain = tool.get_task_template("plain", "run {x}", node_args=["x"])
    own = tool.get_task_template(
        "own", "run {x}", node_args=["x"], compute_resources={"cores": 3}, max_attempts=4
    )
    other = Tool("other", image=IMAGE, compute_resources={"cores": 1}, max_attempts=2)
    workflow.add_tasks(
        [
            plain.create_task(x=1),
            own.create_task(x=1),
            own.create_task(x=2, compute_resources={"cores": 4}, max_attempts=5),
            other.get_task_template("bare", "run {x}", node_args=["x"]).create_task(x=1),
        ]
    )

    def told(template: dict[str, Any]) -> tuple[str, str | None, int]:
        (container,) = template["template"]["spec"]["template"]["spec"]["containers"]
        amounts = container["resources"]["limits"]
        return amounts["cpu"], amounts.get("memory"), template["retryPolicy"]["limit"] + 1

    assert {t["name"]: told(t) for t in workflow.to_flow()["spec"]["templates"]} == {
        "plain": ("2", "1Gi", 3),
        "own": ("3", "1Gi", 4),
        "own-2": ("4", "1Gi", 5),
        "bare": ("2", None, 3),
    }
    unsaid = Tool("silent").create_workflow("1")
    unsaid.add_task(Tool("silent").get_task_template("a", "run").create_task())
    (template,) = build(unsaid).document["spec"]["templates"]
    assert template["retryPolicy"]["limit"] == 2


def test_scenario_12_resources_come_from_a_file(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "resources.yaml"
    file.write_text(
        """
tool_resources: {cores: 1, memory: 1Gi}
task_template_resources:
  fit: {memory: 4Gi, runtime: 02:00:00}
task_template_scales:
  fit: {memory: 1}
"""
    )
    fit = lab.template("fit", compute_resources={"cores": 2})
    lab.tool.set_defaults_from_yaml(file)

    workflow = lab.workflow(fit.create_task(x=1, files="."))
    (template,) = workflow.to_flow()["spec"]["templates"]
    (container,) = template["template"]["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "4Gi"}
    assert template["timeoutSeconds"] == 7200
    assert template["retryPolicy"]["resources"]["memory"] == {"factor": 2}
    lab.template("other")
    with pytest.raises(DefinitionError, match="has no 'other'; add it, or give ignore_missing"):
        lab.tool.set_defaults_from_yaml(file)
    lab.tool.set_defaults_from_yaml(file, ignore_missing_keys=True)


HOLD = "import sys, time; kept = b'x' * (150 << 20); time.sleep(float(sys.argv[1]))"
HUNGRY = f"""echo again >> "$2/tries"
[ $(wc -l < "$2/tries") -ge 3 ] && patience=0 || patience=60
exec {sys.executable} -Sc "{HOLD}" $patience"""
"""Needs 150 Mi. In its first two attempts it waits until somebody sees that, however late."""


def test_scenario_13_memory_grows_until_it_is_enough(lab: Lab) -> None:
    task = lab.task(
        "hungry",
        HUNGRY,
        compute_resources={"memory": "100Mi"},
        resource_scales={"memory": 0.5},
        max_attempts=3,
    )
    workflow = lab.workflow(task)

    outcome = workflow.run()

    assert outcome.succeeded, task.errors
    attempts = lab.attempts(workflow, task)
    assert [(a.memory or 0) >> 20 for a in attempts] == [100, 150, 225]
    assert [error.cause for error in task.errors] == ["OutOfMemory", "OutOfMemory"]


@pytest.mark.parametrize(
    ("scale", "grows"),
    [
        (0.5, {"factor": 1.5}),
        (["12Gi", "18Gi"], {"values": ["12Gi", "18Gi"]}),
        ([12, 18], {"values": ["12288Mi", "18432Mi"]}),
        (lambda gibibytes: gibibytes * 1.5, {"values": ["12288Mi", "18432Mi"]}),
        ("value * 1.5", {"values": ["12288Mi", "18432Mi"]}),
        ({"scale": 0.5, "max": "16Gi"}, {"factor": 1.5, "max": "16Gi"}),
        (0, None),
    ],
)
def test_scenario_14_scales_of_all_forms(lab: Lab, scale: Any, grows: Any) -> None:
    task = lab.task("t", compute_resources={"memory": "8Gi"}, resource_scales={"memory": scale})

    (template,) = lab.workflow(task).to_flow()["spec"]["templates"]

    assert template["retryPolicy"].get("resources", {}).get("memory") == grows


def test_scenario_14_without_a_scale_memory_and_runtime_grow_by_half(lab: Lab) -> None:
    task = lab.task("t", compute_resources={"memory": "8Gi", "runtime": 60, "cores": 1})

    (template,) = lab.workflow(task).to_flow()["spec"]["templates"]

    assert template["retryPolicy"]["resources"] == {
        "memory": {"factor": 1.5},
        "timeout": {"factor": 1.5},
    }


def test_scenario_15_what_has_outgrown_its_place_goes_to_a_fallback(lab: Lab) -> None:
    """Places are nodes, so this is what a cluster is told; `engine/test_growth.py` follows it."""
    task = lab.task(
        "t",
        compute_resources={"memory": "8Gi"},
        resource_scales={"memory": {"scale": 1, "max": "16Gi"}},
        fallbacks=[{"node_selector": {"pool": "big"}, "max": {"memory": "64Gi"}}],
    )

    (template,) = lab.workflow(task).to_flow()["spec"]["templates"]

    policy = template["retryPolicy"]
    assert policy["resources"] == {"memory": {"factor": 2, "max": "16Gi"}}
    assert policy["fallbacks"] == [{"nodeSelector": {"pool": "big"}, "max": {"memory": "64Gi"}}]


def test_scenario_15_without_a_fallback_growth_ends_at_its_maximum(lab: Lab) -> None:
    task = lab.task(
        "t",
        HUNGRY,
        compute_resources={"memory": "50Mi"},
        resource_scales={"memory": {"scale": 1, "max": "60Mi"}},
        max_attempts=2,
    )
    workflow = lab.workflow(task)

    assert not workflow.run().succeeded
    assert [(a.memory or 0) >> 20 for a in lab.attempts(workflow, task)] == [50, 60]


def test_scenario_16_a_task_finds_out_what_another_one_asks_for(lab: Lab) -> None:
    measure = lab.task("measure", 'echo \'{"size": {"memory": "64Mi"}}\' > /dev/termination-log')
    fit = lab.template("fit").create_task(
        x=1, files=".", compute_resources={"memory": measure.output("size.memory")}
    )
    workflow = lab.workflow(measure, fit)

    assert workflow.run().succeeded
    assert fit.upstreams == {measure}
    assert [(a.memory or 0) >> 20 for a in lab.attempts(workflow, fit)] == [64]


def test_scenario_16_what_is_not_there_fails_the_task_that_promised_it(lab: Lab) -> None:
    measure = lab.task("measure", "echo '{}' > /dev/termination-log", max_attempts=1)
    fit = lab.template("fit").create_task(
        x=1, files=".", compute_resources={"memory": measure.output("memory")}
    )

    outcome = lab.workflow(measure, fit).run()

    assert (measure.status, fit.status) == (FAILED, SKIPPED)
    assert "no value at $.memory" in outcome.message


def test_scenario_17_fail_fast_starts_nothing_after_a_failure(lab: Lab) -> None:
    bad = lab.task("bad", "exit 1", max_attempts=1)
    running = lab.task("running", "sleep 0.4; echo done")
    later = lab.task("later", "true", running)

    outcome = lab.workflow(bad, running, later).run(fail_fast=True, parallelism=2)

    assert not outcome.succeeded
    assert [task.status for task in (bad, running, later)] == [FAILED, SUCCEEDED, SKIPPED]


def test_scenario_18_a_timeout_is_raised_and_a_resume_completes(lab: Lab) -> None:
    """Here what runs is stopped, because it ends with the program; on a cluster it goes on."""
    done = lab.task("done", 'echo once >> "$2/done"')
    slow = lab.task("slow", '[ -e "$2/quick" ] || { touch "$2/quick"; exec sleep 30; }', done)

    with pytest.raises(WorkflowTimeoutError, match=r"timeout: .*run\(resume=True\) goes on"):
        lab.workflow(done, slow).run(timeout=1)
    assert done.status is SUCCEEDED

    again = lab.workflow(
        done := lab.task("done", 'echo once >> "$2/done"'), lab.task("slow", "true", done)
    )
    assert again.run(resume=True).tasks == {SUCCEEDED: 2}
    assert (lab.files / "done").read_text() == "once\n"


def test_scenario_19_never_more_tasks_at_once_than_the_limits_allow(lab: Lab) -> None:
    tasks = lab.tasks("t", 6, "sleep 0.03")
    workflow = lab.workflow(*tasks, max_concurrently_running=2)
    assert workflow.run(parallelism=8).succeeded
    assert lab.most_at_once(workflow, tasks) == 2

    capped, free = lab.tasks("capped", 4, "sleep 0.05"), lab.tasks("free", 4, "sleep 0.05")
    workflow = lab.workflow(*capped, *free, args="2")
    workflow.set_task_template_max_concurrency_limit("capped", 1)
    assert workflow.run(parallelism=8).succeeded
    assert lab.most_at_once(workflow, capped) == 1
    assert lab.most_at_once(workflow, free) > 1


def test_scenario_19_the_limit_changes_while_it_runs(lab: Lab) -> None:
    """By what `jobflow set-parallelism` writes, which steers a run from anywhere."""
    tasks = lab.tasks("t", 3, 'until [ -e "$2/go" ]; do sleep 0.02; done')
    workflow = lab.workflow(*tasks, max_concurrently_running=1)
    run = threading.Thread(target=workflow.run, kwargs={"parallelism": 8})
    run.start()
    _until(lambda: _running(lab, workflow) == 1)
    _set_parallelism(lab, workflow, 2)
    _until(lambda: _running(lab, workflow) == 2)
    _set_parallelism(lab, workflow, 0)
    _until(lambda: workflow.status().phase == "Paused")
    (lab.files / "go").touch()
    _until(lambda: workflow.status().tasks == {SUCCEEDED: 2, PENDING: 1})
    _set_parallelism(lab, workflow, 5)
    run.join()
    assert workflow.status().tasks == {SUCCEEDED: 3}


def _running(lab: Lab, workflow: Workflow) -> int:
    with Store.open(lab.home) as store:
        found = store.find(workflow.run_name)
        return 0 if found is None else sum(a.phase == "Running" for a in found.attempts())


def _set_parallelism(lab: Lab, workflow: Workflow, limit: int) -> None:
    def edit(document: dict[str, Any]) -> dict[str, Any]:
        document["spec"]["executionPolicy"]["parallelism"] = limit
        return document

    with Store.open(lab.home) as store:
        store.run(workflow.run_name).change(edit)


def _until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_scenario_20_resume_after_a_fix(lab: Lab) -> None:
    def define(script: str) -> tuple[Workflow, list[Task]]:
        tool = Tool("lab", image=IMAGE)
        template = tool.get_task_template(
            "t", ["sh", "-c", "{script}", "sh", "{x}"], node_args=["x"], op_args=["script"]
        )
        tasks = template.create_tasks(x=[0, 1, 2], script=script)
        workflow = tool.create_workflow("1", max_attempts=1)
        workflow.add_tasks(tasks)
        return workflow, tasks

    log = lab.files / "log"
    broken, _ = define(f'echo $1 >> {log}; [ "$1" != 1 ]')
    first = broken.run(parallelism=1)
    assert first.tasks == {SUCCEEDED: 2, FAILED: 1}

    fixed, tasks = define(f"echo fixed $1 >> {log}")
    with pytest.raises(WorkflowExistsError, match=r"is there already \(Failed\); give resume=True"):
        fixed.run()
    second = fixed.run(resume=True)

    assert second.tasks == {SUCCEEDED: 3}
    assert second.name == first.name
    assert log.read_text() == "0\n1\n2\nfixed 1\n"
    assert [task.status for task in tasks] == [SUCCEEDED] * 3


def test_scenario_21_a_run_that_was_stopped_goes_on_and_nobody_else_runs_it_meanwhile(
    lab: Lab,
) -> None:
    """Cold. A hot resume needs tasks that outlive their runner: `cluster_suite/test_sdk.py`."""

    def define() -> Workflow:
        first = lab.tasks("first", 2, 'echo $1 >> "$2/first"')
        second = lab.tasks(
            "second", 2, '[ -e "$2/go" ] || exec sleep 30', upstream_tasks=first, max_attempts=1
        )
        return lab.workflow(*first, *second)

    workflow = define()
    run = threading.Thread(target=workflow.run, kwargs={"parallelism": 2})
    run.start()
    _until(lambda: _running(lab, workflow) == 2 and (lab.files / "first").exists())
    with pytest.raises(WorkflowError, match="is being run by process"):
        define().run(resume=True)
    with Store.open(lab.home) as store:
        store.run(workflow.run_name).change(_stop)
    run.join()
    assert not workflow.status().succeeded

    (lab.files / "go").touch()
    again = define()
    assert again.run(resume=True).tasks == {SUCCEEDED: 4}
    assert sorted((lab.files / "first").read_text().split()) == ["0", "1"]


def _stop(document: dict[str, Any]) -> dict[str, Any]:
    annotations = document["metadata"].setdefault("annotations", {})
    annotations["workflow.kube-zen.io/stop"] = "stop"
    return document


def test_scenario_22_what_a_workflow_is(lab: Lab) -> None:
    def define(args: str, *xs: int, version: str = "v1", upstream: bool = False) -> Workflow:
        tool = Tool("lab", image=IMAGE)
        template = tool.get_task_template(
            "t", "echo {x} {version}", node_args=["x"], task_args=["version"]
        )
        tasks = template.create_tasks(x=xs, version=version)
        if upstream:
            tasks[1].add_upstream(tasks[0])
        workflow = tool.create_workflow(args, max_attempts=1)
        workflow.add_tasks(reversed(tasks))
        return workflow

    first = define("1", 1, 2)
    assert first.run().succeeded
    assert define("1", 2, 1).run_name == first.run_name
    with pytest.raises(WorkflowCompleteError, match="there is nothing to resume"):
        define("1", 2, 1).run(resume=True)
    with pytest.raises(WorkflowChangedError, match="'t' had 2 tasks, and has 3 now"):
        define("1", 1, 2, 3).run(resume=True)
    with pytest.raises(WorkflowChangedError, match="'t' had 2 tasks, and has 1 now"):
        define("1", 1).status()
    for changed in (define("1", 1, 2, version="v2"), define("1", 1, 2, upstream=True)):
        with pytest.raises(WorkflowChangedError, match="arguments or dependencies of tasks"):
            changed.run(resume=True)
    other = define("2", 1, 2)
    assert other.run_name != first.run_name
    assert other.run().tasks == {SUCCEEDED: 2}
    unnamed = {Tool("lab").create_workflow().run_name for _ in range(2)}
    assert len(unnamed) == 2


def test_scenario_23_an_attempt_that_is_killed_is_tried_again(lab: Lab) -> None:
    """A lost node is a lost pod: `cluster_suite/test_sdk.py`."""
    task = lab.task("t", '[ -e "$2/killed" ] || { touch "$2/killed"; kill -9 $$; }')
    workflow = lab.workflow(task)

    assert workflow.run().succeeded
    assert len(lab.attempts(workflow, task)) == 2
    assert [error.exit_code for error in task.errors] == [137]


PROGRAM = """
import sys
from jobflows.sdk import Tool
tool = Tool("lab")
template = tool.get_task_template("t", ["sh", "-c", "{script}", "sh", "{x}"],
                                  node_args=["x"], op_args=["script"])
workflow = tool.create_workflow("1", retry_delay="10ms")
workflow.add_tasks(template.create_tasks(x=[0, 1], script=sys.argv[1]))
workflow.run(parallelism=1, resume=True)
"""


def test_scenario_23_a_program_that_is_killed_leaves_a_run_that_goes_on(lab: Lab) -> None:
    script = f'echo $1 >> {lab.files}/log; [ "$1" = 0 ] || [ -e {lab.files}/go ] || exec sleep 30'
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, script], start_new_session=True)
    _until(lambda: (lab.files / "log").exists() and "1" in (lab.files / "log").read_text())
    os.killpg(program.pid, signal.SIGKILL)
    program.wait()
    (lab.files / "go").touch()

    tool = Tool("lab")
    template = tool.get_task_template(
        "t", ["sh", "-c", "{script}", "sh", "{x}"], node_args=["x"], op_args=["script"]
    )
    workflow = tool.create_workflow("1", retry_delay="10ms")
    workflow.add_tasks(template.create_tasks(x=[0, 1], script=script))
    assert workflow.run(resume=True).tasks == {SUCCEEDED: 2}
    assert (lab.files / "log").read_text() == "0\n1\n1\n"


def test_scenario_24_a_task_that_is_set_to_succeeded_lets_its_descendants_run(lab: Lab) -> None:
    """By `jobflow resume NAME --succeeded STEP`, of which this is the inside."""
    bad = lab.task("bad", "exit 1", max_attempts=1)
    after = lab.task("after", 'echo ran >> "$2/after"', bad)
    beside = lab.task("beside", 'echo ran >> "$2/beside"')
    workflow = lab.workflow(bad, after, beside)
    assert not workflow.run().succeeded

    _resume(workflow, succeeded=["bad"])
    assert workflow.status().tasks == {SUCCEEDED: 3}
    assert bad.status is SUCCEEDED

    _resume(workflow, from_=["after"])
    assert (lab.files / "after").read_text() == "ran\nran\n"
    assert (lab.files / "beside").read_text() == "ran\n"


def _resume(workflow: Workflow, **wish: Any) -> None:
    asyncio.run(reopen(workflow.run_name, **wish).run())


def test_scenario_25_what_can_be_observed(lab: Lab) -> None:
    noise = "yes 'größer als zuvor' | head -c 1000000 >&2; echo end >&2; [ $1 = 0 ]"
    tasks = lab.tasks("t", 3, noise, max_attempts=2)
    after = lab.task("after", "true", *tasks)
    workflow = lab.workflow(*tasks, after)
    with pytest.raises(WorkflowError, match="was never run on this machine"):
        workflow.status()

    outcome = workflow.run()

    assert outcome.tasks == {SUCCEEDED: 1, FAILED: 2, SKIPPED: 1}
    assert str(outcome).startswith(f"{workflow.run_name} Failed (1 succeeded, 2 failed, 1 skipped)")
    assert after.upstreams == set(tasks)
    failed = [task for task in workflow.tasks if task.status is FAILED]
    assert [[e.attempt for e in task.errors] for task in failed] == [
        [a.attempt for a in lab.attempts(workflow, task)] for task in failed
    ]
    assert all(error.log is not None and error.log.is_dir() for error in failed[0].errors)
    tail = failed[0].log()
    assert len(tail) == 10_000
    assert tail.endswith("end\n")
    assert "größer" in tail
    assert Path(outcome.place).is_dir()

    usage = tasks[0].template.resource_usage(home=lab.home)
    assert (usage.tasks, usage.failed) == (3, 4)
    assert usage.runtime is not None
    assert usage.runtime.count == 1
    assert 0 < usage.runtime.min <= usage.runtime.mean <= usage.runtime.max
