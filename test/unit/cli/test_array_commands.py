"""Commands about arrays: whose logs are printed."""

from __future__ import annotations

from typing import Any

from cluster_suite.flows import flow, step
from unit.cli.served import Served
from unit.cli.test_cluster_commands import add, add_job, jobflow, served

__all__ = ["served"]  # the fixture


def test_logs_of_an_array_are_those_of_each_task_from_the_batch_that_ran_it_last(
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
