"""Workflows on a cluster, against the model API server behind a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobflows.cluster import Request
from jobflows.sdk import (
    ClusterError,
    DefinitionError,
    TaskStatus,
    Workflow,
    WorkflowChangedError,
    WorkflowCompleteError,
    WorkflowError,
    WorkflowExistsError,
    WorkflowTimeoutError,
)
from model.routes import route
from unit.cli.served import Served
from unit.sdk.workflows import Lab

JOBFLOWS = "/apis/workflow.kube-zen.io/v1alpha1/namespaces/default/jobflows"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    made = Served(tmp_path)
    with made.running():
        monkeypatch.setenv("KUBECONFIG", str(made.config))
        yield made


def three(lab: Lab, files: str = ".") -> Workflow:
    """Two tasks of an array, and one after them."""
    pair = lab.template("pair").create_tasks(x=[1, 2], files=files)
    last = lab.template("last").create_task(x=1, files=files, upstream_tasks=pair)
    return lab.workflow(*pair, last)


def status(phase: str, succeeded: str = "", failed: str = "", **more: Any) -> dict[str, Any]:
    tasks = {"total": 2, "summary": "", "succeeded": succeeded, "failed": failed}
    pair = {"name": "pair", "phase": "Failed" if failed else phase, "tasks": tasks}
    last = {"name": "last", "phase": "Skipped" if failed else phase}
    return {"status": {"phase": phase, "steps": [pair, last], **more}}


def test_a_workflow_is_submitted_and_waited_for(lab: Lab, served: Served) -> None:
    workflow = three(lab)

    name = workflow.submit()
    assert served.flow(name)["spec"]["steps"] == workflow.to_flow()["spec"]["steps"]
    assert workflow.status().phase == "Pending"
    with pytest.raises(WorkflowTimeoutError, match=r"has not ended within 0.05 s; it goes on"):
        workflow.wait(timeout=0.05)
    message = "1 of 2 tasks failed: task 1: container main exited with code 3"
    ended = status("Failed", "0", "1", reason="StepFailed", message=message)
    ended["status"]["steps"][0]["message"] = message
    served.call(lambda: served.later(0.05, f"{JOBFLOWS}/{name}/status", ended))
    outcome = workflow.wait(timeout=20)

    assert not outcome.succeeded
    assert outcome.place == "namespace default"
    assert outcome.tasks == {
        TaskStatus.SUCCEEDED: 1,
        TaskStatus.FAILED: 1,
        TaskStatus.SKIPPED: 1,
    }
    first, second, _ = workflow.tasks
    assert (first.status, second.status) == (TaskStatus.SUCCEEDED, TaskStatus.FAILED)
    assert [error.message for error in second.errors] == [message]
    assert first.errors == []


def test_a_failed_workflow_is_resumed_with_what_has_changed(lab: Lab, served: Served) -> None:
    name = three(lab).submit()
    served.patch(f"{JOBFLOWS}/{name}/status", status("Failed", "0", "1"))
    with pytest.raises(WorkflowExistsError, match="give resume=True"):
        three(lab).submit()

    fixed = three(lab, files="/data")
    fixed.submit(resume=True)

    stored = served.flow(name)
    asked = json.loads(stored["metadata"]["annotations"]["workflow.kube-zen.io/resume"])
    assert stored["spec"]["steps"][0]["arguments"]["files"] == "/data"
    done = status("Succeeded", "0-1", resume={"id": asked["id"], "run": 2})
    served.call(lambda: served.later(0.05, f"{JOBFLOWS}/{name}/status", done))
    assert fixed.wait(timeout=20).tasks == {TaskStatus.SUCCEEDED: 3}
    with pytest.raises(WorkflowCompleteError):
        three(lab).submit(resume=True)


def test_a_resume_that_is_refused_is_an_error(lab: Lab, served: Served) -> None:
    name = three(lab).submit()
    served.patch(f"{JOBFLOWS}/{name}/status", status("Failed", "0", "1"))
    workflow = three(lab)
    workflow.submit(resume=True)
    refused = {"resume": {"refusal": {"request": "x", "message": "it is being deleted"}}}
    served.patch(f"{JOBFLOWS}/{name}/status", {"status": refused})
    with pytest.raises(WorkflowError, match="was not resumed: it is being deleted"):
        workflow.wait(timeout=20)


def test_what_runs_is_joined_and_what_is_another_workflow_is_refused(
    lab: Lab, served: Served
) -> None:
    workflow = three(lab)
    name = workflow.submit()
    served.patch(f"{JOBFLOWS}/{name}/status", status("Running"))
    three(lab).submit(resume=True)
    assert "workflow.kube-zen.io/resume" not in served.flow(name)["metadata"]["annotations"]

    other = lab.workflow(*lab.template("pair").create_tasks(x=[1, 2, 3], files="."))
    with pytest.raises(WorkflowChangedError, match="template 'last' is gone"):
        other.submit(resume=True)
    served.patch(f"{JOBFLOWS}/{name}", {"metadata": {"annotations": None}})
    with pytest.raises(WorkflowError, match="is there already, and no workflow of Python"):
        three(lab).submit(resume=True)


def test_a_deleted_workflow_ends_the_wait(lab: Lab, served: Served) -> None:
    workflow = three(lab)
    with pytest.raises(WorkflowError, match=r"was not submitted; call submit\(\) first"):
        workflow.wait()
    name = workflow.submit()
    path = f"{JOBFLOWS}/{name}"
    served.call(lambda: served.server.answer(route(path), Request("DELETE", path)))
    with pytest.raises(WorkflowError, match=r"has no flow|was deleted"):
        workflow.wait(timeout=20)


def test_what_is_too_large_for_a_cluster_is_refused(lab: Lab, served: Served) -> None:
    template = lab.tool.get_task_template("t", "run {x} {y}", node_args=["x"], op_args=["y"])
    tasks = [template.create_task(x=x, y=f"{x:0400}") for x in range(4000)]
    with pytest.raises(DefinitionError, match=r"the flow has 1.7 MB, and a cluster takes 1.4 MB"):
        lab.workflow(*tasks).submit()


def test_trouble_with_the_cluster_is_told_in_words(
    lab: Lab, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.refuse = lambda _: (
        403,
        {"kind": "Status", "status": "Failure", "code": 403, "message": "not for you"},
    )
    with pytest.raises(ClusterError, match="the API server says: not for you"):
        three(lab).submit()
    served.refuse = lambda _: (
        404,
        {"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"},
    )
    with pytest.raises(ClusterError, match="knows no JobFlows; install the CRD"):
        three(lab).submit()
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    with pytest.raises(ClusterError):
        three(lab).submit()
