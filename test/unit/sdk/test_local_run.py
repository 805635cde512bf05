"""Runs from where people call them: scripts, notebooks, programs with other plans."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from jobflows.local import Store
from jobflows.sdk import TaskStatus, WorkflowStatus
from unit.sdk.workflows import Lab


def test_a_notebook_runs_a_workflow_inside_of_its_own_loop(lab: Lab) -> None:
    workflow = lab.workflow(lab.task("t", "echo here"))

    async def cell() -> WorkflowStatus:
        return workflow.run()

    assert asyncio.run(cell()).succeeded
    assert workflow.tasks[0].log() == "here\n"


def test_an_interrupt_stops_what_runs_and_a_resume_goes_on(lab: Lab) -> None:
    def script(lab: Lab) -> str:
        return f"[ -e {lab.files}/go ] || {{ touch {lab.files}/started; exec sleep 30; }}"

    def interrupt() -> None:
        while not (lab.files / "started").exists():
            stopped.wait(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    stopped = threading.Event()
    workflow = lab.workflow(lab.task("t", script(lab)))
    threading.Thread(target=interrupt).start()
    outcome = workflow.run()
    assert (outcome.phase, outcome.reason) == ("Failed", "Stopped")

    (lab.files / "go").touch()
    assert workflow.run(resume=True).tasks == {TaskStatus.SUCCEEDED: 1}


def test_who_listens_hears_how_far_it_is(
    lab: Lab, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobflows.sdk.progress.EVERY", 0.0)
    caplog.set_level("INFO", "jobflows.sdk")
    bad = lab.task("bad", "exit 1", max_attempts=1)
    workflow = lab.workflow(*lab.tasks("t", 3), bad)
    workflow.run(parallelism=1)
    assert caplog.messages[0] == f"{workflow.run_name}: 0 of 4 tasks are done"
    assert caplog.messages[-1] == f"{workflow.run_name}: 4 of 4 tasks are done, 1 failed"


def test_a_home_of_its_own_keeps_runs_apart(lab: Lab) -> None:
    other = lab.files / "elsewhere"
    workflow = lab.workflow(lab.task("t"))
    assert workflow.run(home=other).succeeded
    assert workflow.status().succeeded
    with Store.open(lab.home) as here, Store.open(other) as there:
        assert (len(here.runs()), len(there.runs())) == (0, 1)
