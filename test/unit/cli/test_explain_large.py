"""`jobflow explain` of a large flow asks for what is on its way, and for nothing that is done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cluster_suite.flows import flow, step
from jobflows.cli.main import app
from jobflows.cluster.transport import Request
from model.routes import route
from unit.cli.served import Served
from unit.cli.test_cluster_commands import add, add_job

DONE, LIVE, RUNNING = 20, 55, 30
UNSCHEDULABLE = {
    "phase": "Pending",
    "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "full"}
    ],
}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with Served(tmp_path).running() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.config))
        yield server


def test_of_a_large_flow_what_has_succeeded_is_not_fetched(served: Served) -> None:
    done = [f"done-{i}" for i in range(DONE)]
    live = [f"live-{i}" for i in range(LIVE)]
    phases: dict[str, Any] = dict.fromkeys(done, "Succeeded")
    running = [f"running-{i}" for i in range(RUNNING)]
    phases |= {name: {"phase": "Running", "attempt": 1} for name in (*live, *running)}
    array = step("array", array={"count": 4})
    add(
        served,
        flow("f", *map(step, done), *map(step, live), *map(step, running), array),
        array={
            "phase": "Running",
            "attempt": 1,
            "tasks": {"total": 4, "running": [{"attempt": 1, "tasks": "0-3"}]},
        },
        **phases,
    )
    for name in done:
        add_job(served, "f", name, status={"succeeded": 1}, pods=({"phase": "Succeeded"},))
    for name in live:
        add_job(served, "f", name, status={"active": 1}, pods=(UNSCHEDULABLE,))
    for name in running:
        add_job(served, "f", name, status={"active": 1}, pods=({"phase": "Running"},))
    part_done = {"active": 1, "succeeded": 3, "completedIndexes": "0-2", "ready": 1}
    add_job(served, "f", "array", tasks="0-3", status=part_done, pods=(UNSCHEDULABLE,) * 4)
    fetched = Counter[str]()

    def count(request: Request) -> None:
        kind = request.path.rpartition("/")[2]
        if kind in ("pods", "jobs"):
            answer = served.server.answer(route(request.path), request)
            fetched[kind] += len(json.loads(answer.body)["items"])

    served.refuse = count
    said = CliRunner().invoke(app, ["explain", "f", "-o", "json"]).stdout
    reasons = Counter(each.get("reason") for each in json.loads(said)["steps"])
    assert reasons["Unschedulable"] == LIVE
    assert reasons["Starting"] == 0
    assert (
        fetched["jobs"] == LIVE + RUNNING + 1
    )  # the array as well, though 3 of its tasks are done
    assert fetched["pods"] == LIVE
