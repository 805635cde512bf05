"""Commands about arrays: whose logs are printed, which tasks wait for what, what they used up."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from cluster_suite.flows import flow, step
from jobflows.cluster.transport import Request
from model.routes import route
from unit.cli.served import Served
from unit.cli.test_cluster_commands import UNSCHEDULABLE, add, add_job, jobflow, served

__all__ = ["served"]  # the fixture


def test_scenario_25_logs_of_an_array_are_those_of_each_task_from_the_batch_that_ran_it_last(
    served: Served,
) -> None:
    fit = step("fit", array={"count": 4})
    add(served, flow("f", fit), fit={"phase": "Running", "attempt": 2})
    ended: dict[str, Any] = {"phase": "Failed", "containerStatuses": []}
    add_job(served, "f", "fit", 1, tasks="0-3", pods=(ended,) * 4)
    add_job(served, "f", "fit", 2, tasks="1,3", pods=(ended,) * 2)
    for batch, position in ((1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1)):
        served.logs[f"f-fit-{batch}-{position}"] = f"{batch}/{position}\n".encode()
    assert jobflow("logs", "f", "fit").stdout.splitlines() == [
        *("==> task 0 (f-fit-1-0) <==", "1/0"),
        *("==> task 1 (f-fit-2-0) <==", "2/0"),
        *("==> task 2 (f-fit-1-2) <==", "1/2"),
        *("==> task 3 (f-fit-2-1) <==", "2/1"),
    ]
    assert jobflow("logs", "f", "fit", "--task", "3").stdout == "2/1\n"
    assert jobflow("logs", "f", "fit", "--task", "3", "--attempt", "1").stdout == "1/3\n"
    missing = jobflow("logs", "f", "fit", "--task", "2", "--attempt", "2")
    assert missing.exit_code == 1
    assert "task 2 in attempt 2 of step fit has no pod" in missing.stderr


def test_an_array_of_many_tasks_asks_which_log_is_wanted(served: Served) -> None:
    add(served, flow("f", step("fit", array={"count": 101})), fit={"phase": "Running"})
    add_job(served, "f", "fit", tasks="0-100", pods=({"phase": "Running"},) * 101)
    served.logs["f-fit-1-100"] = b"last\n"
    refused = jobflow("logs", "f", "fit")
    assert refused.exit_code == 1
    assert "step fit has the logs of 101 tasks; choose one by --task N" in refused.stderr
    assert jobflow("logs", "f", "fit", "--task", "100").stdout == "last\n"


def test_explain_shows_each_budget_that_was_touched(served: Served) -> None:
    policy = {"limit": 5, "onOutOfMemory": {"limit": 2}, "onDisruption": {"limit": 9}}
    spent = {"retryCount": 4, "outOfMemoryCount": 1, "timeoutCount": 2, "lostCount": 3}
    add(
        served,
        flow("f", step("a", retryPolicy=policy), step("b", retryPolicy=policy)),
        a={"phase": "Running", "attempt": 11, **spent},
        b={"phase": "Running", "attempt": 1},
    )
    lines = [line.split(maxsplit=1) for line in jobflow("explain", "f", "a").stdout.splitlines()]
    assert lines[1:] == [
        ["retries", "4 of 5"],
        ["outOfMemory", "1 of 2"],
        ["timeouts", "2 of 5"],
        ["losses", "3 of 9"],
    ]
    assert jobflow("explain", "f", "b").stdout.splitlines()[1:] == ["retries  0 of 5"]


def test_explain_names_the_tasks_that_wait_and_what_they_have_used_up(served: Served) -> None:
    a = step("a", array={"count": 6})
    policy = {"limit": 2, "onDisruption": {"limit": 9}}
    b = step("b", "a", array={"count": 6, "dependencyMode": "Index"}, retryPolicy=policy)
    later = "2099-01-01T00:00:00Z"
    half = {"total": 6, "succeeded": "0-2", "running": [{"attempt": 1, "tasks": "3-5"}]}
    retried = {"tasks": "1", "retryCount": 1, "lostCount": 2, "nextRetryTime": later}
    rest = {"total": 6, "running": [{"attempt": 1, "tasks": "0,2"}], "retried": [retried]}
    add(
        served,
        flow("f", a, b),
        a={"phase": "Running", "attempt": 1, "tasks": half},
        b={"phase": "Running", "attempt": 1, "tasks": rest},
    )
    running = {"phase": "Running"}
    add_job(served, "f", "a", tasks="0-5", pods=(running,) * 6)
    add_job(served, "f", "b", tasks="0-2", pods=(running,) * 3)
    words = "each waits for the task of a with its index"
    lines = [" ".join(line.split()) for line in jobflow("explain", "f").stdout.splitlines()]
    assert f"tasks 3-5 (3) Pending WaitingForSteps {words}" in lines
    assert f"task 1 Pending BackingOff tried again at {later}" in lines
    story = jobflow("explain", "f", "b").stdout.splitlines()
    assert f"tasks 3-5 (3) WaitingForSteps: {words}" in story
    assert "task 1 tried again: retries 1 of 2, losses 2 of 9" in story
    document = json.loads(jobflow("explain", "f", "b", "-o", "json").stdout)
    assert document["tasks"][0] == {
        "indexes": "3-5",
        "reason": "WaitingForSteps",
        "message": words,
        "blockedBy": ["a"],
    }


def test_of_a_large_array_only_the_pods_that_are_shown_are_asked_for(served: Served) -> None:
    count = 300
    add(
        served,
        flow("f", step("a", array={"count": count})),
        a={
            "phase": "Running",
            "attempt": 1,
            "tasks": {"total": count, "running": [{"attempt": 1, "tasks": f"0-{count - 1}"}]},
        },
    )
    waits = {"active": count, "ready": 0}
    add_job(served, "f", "a", tasks=f"0-{count - 1}", status=waits, pods=(UNSCHEDULABLE,) * count)
    served.logs["f-a-1-299"] = b"last\n"
    fetched = Counter[str]()

    def count_pods(request: Request) -> None:
        if request.path.endswith("/pods"):
            answer = served.server.answer(route(request.path), request)
            fetched["pods"] += len(json.loads(answer.body)["items"])

    served.refuse = count_pods
    assert "pod f-a-1-0 waits for the scheduler" in jobflow("explain", "f").stdout
    assert "attempt 1 Running" in jobflow("explain", "f", "a").stdout
    assert jobflow("logs", "f", "a", "--task", "299").stdout == "last\n"
    assert "has the logs of 300 tasks" in jobflow("logs", "f", "a").stderr
    assert 0 < fetched["pods"] <= 50


def test_of_many_attempts_the_newest_are_told(served: Served) -> None:
    add(served, flow("f", step("a", array={"count": 30})), a={"phase": "Running", "attempt": 30})
    for number in range(1, 31):
        add_job(served, "f", "a", number, tasks=str(number - 1))
    story = jobflow("explain", "f", "a").stdout
    assert "10 earlier attempts are not shown" in story
    assert "attempt 10 " not in story
    assert "attempt 11 Running" in story


def test_a_batch_of_which_tasks_failed_is_told_by_some_of_its_pods(served: Served) -> None:
    failed = {
        "completedIndexes": "",
        "failedIndexes": "0-59",
        "failed": 60,
        "startTime": "2026-01-01T00:00:00Z",
        "conditions": [{"type": "Failed", "status": "True", "reason": "FailedIndexes"}],
    }
    add(served, flow("f", step("a", array={"count": 60})), a={"phase": "Running", "attempt": 1})
    terminated = {"exitCode": 3, "reason": "Error", "message": "no such file"}
    ended = {
        "phase": "Failed",
        "containerStatuses": [{"name": "main", "state": {"terminated": terminated}}],
    }
    add_job(served, "f", "a", tasks="0-59", status=failed, pods=(ended,) * 60)
    story = json.loads(jobflow("explain", "f", "a", "-o", "json").stdout)
    assert story["attempts"][0]["state"] == "Failed"
    assert len(story["attempts"][0]["pods"]) == 5
