"""When a status is written: seldom, at the end at once, and before anything is removed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from itertools import pairwise

import pytest

from cluster_suite.flows import chain, flow, retry, runs, sim, step
from model import Fault, Rules
from unit.controller.stage import Stage, play


def at_status(fault: Fault, nth: Collection[int]) -> Rules:
    """The fault at the n-th writes of a status."""
    return Rules().on(fault, client="operator", verb="patch", resource="jobflows/status", nth=nth)


def writes(stage: Stage, name: str = "f") -> list[float]:
    """When the statuses of a flow were written."""
    wanted = ("operator", "patch", "jobflows/status", name)
    return [
        line.time
        for line in stage.server.requests
        if (line.client, line.verb, line.resource, line.name) == wanted
    ]


def test_a_flow_is_written_at_most_once_a_period() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 40))
        await stage.ended("f")
        times = writes(stage)
        assert len(times) >= 3
        assert all(b - a > 1.0 for a, b in pairwise(times[:-1]))

    play(scenario, status_batch_period=1)


def test_the_end_is_written_at_once() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 2, runs("10s")))
        await stage.ended("f")
        done = stage.status("f")["steps"][-1]["completionTime"]
        assert stage.status("f")["completionTime"] == done
        assert writes(stage)[-1] - stage.starts[-1][1] < 10.2

    play(scenario, status_batch_period=60)


def test_a_write_that_fails_is_tried_until_it_succeeds() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.faults = at_status(Fault(status=500), range(1, 60))
        await stage.apply(chain("f", 2))
        await stage.ended("f", seconds=300)
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "s0", "s1")
        assert stage.gauge("zen_flow_status_updates_total", success="false") > 0

    play(scenario)


@pytest.mark.parametrize("lost", ["before", "after"])
def test_nothing_is_removed_before_the_reason_is_on_record(lost: str) -> None:
    async def scenario(stage: Stage) -> None:
        fault = Fault(lost="before" if lost == "before" else "after")
        # all tries of the first three writes after the timeout
        stage.server.faults = at_status(fault, range(2, 15))
        hangs = sim("never", only_pods="-a-1-[a-z0-9]{5}$")
        again = {"timeoutSeconds": 5, "retryPolicy": retry(1)}
        await stage.apply(flow("f", step("a", pod=hangs, **again)))
        await stage.until(lambda: "f-a-1" in stage.ends)
        record = stage.step("f", "a")
        assert record["timeoutCount"] == 1
        assert record["reason"] == "BackingOff"
        await stage.ended("f")
        assert stage.step("f", "a")["attempt"] == 2

    play(scenario)


def test_a_status_is_never_written_to_a_later_flow_of_that_name() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.faults = at_status(Fault(delay=5.0), [1])
        await stage.apply(flow("f", step("a", pod=sim("never"))))
        await asyncio.sleep(2)
        await stage.delete("f")
        await stage.apply(flow("f", step("b", pod=runs("60s"))))
        seen = set()
        for _ in range(600):
            seen |= set(stage.phases("f"))
            await asyncio.sleep(0.05)
        assert seen == {"b"}
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"

    play(scenario)


def test_what_others_wrote_into_the_status_is_put_right_with_the_next_change() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 2, runs("10s")))
        await stage.until(lambda: stage.phase("f") == "Running")
        path = "/apis/workflow.kube-zen.io/v1alpha1/namespaces/default/jobflows/f/status"
        await stage.call("PATCH", path, {"status": {"phase": "Succeeded", "message": "nonsense"}})
        await stage.until(lambda: len(stage.starts) == 2)
        await asyncio.sleep(1)
        assert stage.phase("f") == "Running"
        assert "message" not in stage.status("f")
        await stage.ended("f")
        stage.once_each("f", "s0", "s1")

    play(scenario)


def test_what_happens_while_a_status_waits_for_its_turn_is_in_it() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.latency = 0.5
        names = [f"f{i}" for i in range(150)]
        await asyncio.gather(*(stage.apply(chain(name, 2)) for name in names))
        await stage.ended(*names)
        assert stage.calls("create", "jobs") == 300
        assert stage.calls("patch", "jobflows/status") < 1.5 * len(names)

    play(scenario, kube_api_in_flight=20, kube_api_qps=0)


def test_statuses_stand_back_while_the_api_server_is_slow() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.latency = 0.1
        await stage.apply(chain("f", 40))
        await stage.ended("f")
        assert len(writes(stage)) < 10

    play(scenario)


def test_one_write_of_a_flow_waits_in_line_however_much_happens() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.faults = at_status(Fault(delay=20.0), range(1, 100))
        await stage.apply(chain("f", 40))
        most = 0
        while stage.phase("f") != "Succeeded":
            names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
            most = max(most, names.count("StatusWriter._write_or_retry"))
            await asyncio.sleep(0.1)
        assert most == 2  # one on its way, and one that says what happened since

    play(scenario)


def test_a_flow_goes_when_its_time_is_over_however_late_its_status_is_answered() -> None:
    """The end was on record, and the flow released, when the deletion came to have it written."""

    async def scenario(stage: Stage) -> None:
        stage.server.faults = at_status(Fault(delay_answer=5.0), [1])
        await stage.apply(flow("f", step("a"), executionPolicy={"ttlSecondsAfterFinished": 1}))
        await stage.until(lambda: stage.flow("f") is None, seconds=30)

    play(scenario)
