"""Workflows of Python on a real API server: what makes no sense on one machine.

Pods are simulated, so a task is what its pod is told to do, whatever its command says.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster import Record
from cluster_suite.flows import runs, sim
from cluster_suite.kube import ATTEMPT, Kube
from cluster_suite.process import write_kubeconfig
from jobflows.sdk import (
    Task,
    TaskStatus,
    Tool,
    Workflow,
    WorkflowChangedError,
    WorkflowCompleteError,
    WorkflowExistsError,
    WorkflowStatus,
    WorkflowTimeoutError,
)

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

SUCCEEDED, FAILED, SKIPPED = TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.SKIPPED

SECONDS = 90
"""For a machine that is busy with something else."""


class Lab:
    """A scientist with a kubeconfig and a namespace."""

    def __init__(self, config: Path, namespace: str) -> None:
        self.place: dict[str, Any] = {"kubeconfig": str(config), "namespace": namespace}

    def tasks(self, name: str, count: int, pod: dict[str, str], *after: Task) -> list[Task]:
        """Tasks whose pods follow a script."""
        tool = Tool("lab", image="nothing-pulls-this", pod={"metadata": {"annotations": pod}})
        template = tool.get_task_template(name, ["run", "{x}"], node_args=["x"])
        return template.create_tasks(x=range(count), upstream_tasks=after)

    def workflow(self, *tasks: Task, **more: Any) -> Workflow:
        """A workflow of these tasks, which retries at once."""
        made = Tool("lab").create_workflow("1", retry_delay="100ms", **more)
        made.add_tasks(tasks)
        return made

    def run(self, workflow: Workflow, **how: Any) -> WorkflowStatus:
        """Run it to its end."""
        return workflow.run("cluster", timeout=SECONDS, **self.place, **how)


@pytest.fixture
def lab(suite: Record, kube: Kube, tmp_path: Path) -> Lab:
    return Lab(write_kubeconfig(suite, "admin", tmp_path / "admin"), kube.namespace)


def test_tasks_run_as_few_jobs_and_say_how_they_stand(lab: Lab, kube: Kube) -> None:
    first = lab.tasks("first", 30, sim())
    second = lab.tasks("second", 30, sim())
    for before, after in zip(first, second, strict=True):
        after.add_upstream(before)
    last = lab.tasks("last", 1, sim(), *second)
    workflow = lab.workflow(*first, *second, *last)

    outcome = lab.run(workflow)

    assert outcome.tasks == {SUCCEEDED: 61}
    assert outcome.place == f"namespace {kube.namespace}"
    assert last[0].status is SUCCEEDED
    with pytest.raises(WorkflowExistsError, match="is there already"):
        lab.run(workflow)
    with pytest.raises(WorkflowCompleteError):
        lab.run(workflow, resume=True)


def test_a_task_that_fails_for_good_is_resumed_with_what_was_changed(lab: Lab, kube: Kube) -> None:
    def define(pod: dict[str, str], count: int = 3) -> tuple[Workflow, list[Task]]:
        tasks = lab.tasks("t", count, pod)
        after = lab.tasks("after", 1, sim(), *tasks)
        return lab.workflow(*tasks, *after, max_attempts=1), [*tasks, *after]

    fails = sim("fail", only_pods="-t-1-1-", exit_code="3", message="bad data")
    broken, tasks = define(fails)
    outcome = lab.run(broken)
    assert [task.status for task in tasks] == [SUCCEEDED, FAILED, SUCCEEDED, SKIPPED]
    assert "bad data" in outcome.message
    with pytest.raises(WorkflowChangedError, match="'t' had 3 tasks, and has 4 now"):
        lab.run(define(sim(), 4)[0], resume=True)

    fixed, tasks = define(sim())
    assert lab.run(fixed, resume=True).tasks == {SUCCEEDED: 4}
    jobs = kube.find("jobs", "workflow.kube-zen.io/step=after")
    assert [job["metadata"]["labels"][ATTEMPT] for job in jobs] == ["1"]


def test_scenario_21_a_hot_resume_leaves_alone_what_runs(lab: Lab, kube: Kube) -> None:
    def define() -> tuple[Workflow, list[Task]]:
        bad = lab.tasks("bad", 1, sim("fail", only_pods="-bad-1-"))
        slow = lab.tasks("slow", 1, runs("15s"))
        return lab.workflow(*bad, *slow, max_attempts=1), [*bad, *slow]

    workflow, _ = define()
    name = workflow.submit(**lab.place)
    kube.step_reaches(name, "bad", "Failed")
    with pytest.raises(WorkflowTimeoutError, match="it goes on"):
        workflow.wait(timeout=0.2)
    again, tasks = define()
    again.submit(resume=True, **lab.place)

    assert again.wait(timeout=SECONDS).is_done
    assert tasks[1].status is SUCCEEDED
    jobs = kube.find("jobs", "workflow.kube-zen.io/step=slow")
    assert [job["metadata"]["labels"][ATTEMPT] for job in jobs] == ["1"]


def test_scenario_23_a_lost_pod_costs_no_attempt_of_the_task(lab: Lab, kube: Kube) -> None:
    (task,) = lab.tasks("t", 1, sim("never", only_pods="-t-1-"))
    workflow = lab.workflow(task, max_attempts=1)
    workflow.submit(**lab.place)
    pod = _running(kube, lambda pod: True)
    kube("delete", "pod", pod, "--force", "--grace-period=0")

    assert workflow.wait(timeout=SECONDS).tasks == {SUCCEEDED: 1}
    assert [error.cause for error in task.errors] == ["Disruption"]


def _running(kube: Kube, wanted: Callable[[dict[str, Any]], bool]) -> str:
    """The name of a pod that runs."""
    kube("wait", "--for=jsonpath={.status.phase}=Running", "pod", "--all", "--timeout=60s")
    (pod,) = [pod for pod in kube.find("pods") if wanted(pod)]
    name: str = pod["metadata"]["name"]
    return name
