"""Flows of one concurrency group: one at a time, or the newest only."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster_suite.flows import flow, runs, sim, step
from jobflows.engine.stopping import STOP_ANNOTATION
from unit.controller.stage import FLOWS, Object, Stage, play


def grouped(name: str, policy: str, pod: Object) -> Object:
    rules: dict[str, Any] = {"concurrencyGroup": "nightly", "concurrencyPolicy": policy}
    return flow(name, step("a", pod=pod), executionPolicy=rules)


def test_forbid_runs_one_after_the_other_in_the_order_of_age() -> None:
    async def scenario(stage: Stage) -> None:
        for name in "abc":
            await stage.apply(grouped(name, "Forbid", runs("20s")))
            await asyncio.sleep(1.5)
        assert [stage.phase(name) for name in "abc"] == ["Running", "Pending", "Pending"]
        assert stage.status("b")["reason"] == "WaitingForFlow"
        await stage.ended(*"abc")
        starts = dict(stage.starts)
        assert starts["b-a-1"] - starts["a-a-1"] >= 20
        assert starts["c-a-1"] - starts["b-a-1"] >= 20

    play(scenario)


def test_a_waiting_flow_goes_on_when_the_one_before_it_is_deleted() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(grouped("a", "Forbid", sim("never")))
        await asyncio.sleep(1.5)
        await stage.apply(grouped("b", "Forbid", runs("1s")))
        await asyncio.sleep(60)
        assert stage.phase("b") == "Pending"
        await stage.delete("a")
        await stage.ended("b", seconds=10)

    play(scenario)


def test_replace_stops_the_older_flow() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(grouped("a", "Replace", sim("never")))
        await asyncio.sleep(1.5)
        await stage.apply(grouped("b", "Replace", runs("1s")))
        await stage.ended("a", "b", seconds=10)
        assert (stage.phase("a"), stage.phase("b")) == ("Failed", "Succeeded")
        assert stage.status("a")["reason"] == "Replaced"
        await stage.until(lambda: stage.job("a-a-1") is None, seconds=10)

    play(scenario)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("policy", ["Forbid", "Replace"])
def test_the_next_flow_waits_until_nothing_of_the_one_before_runs(
    policy: str, restart: bool
) -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.latency = 1.0  # it takes a while until the Job is deleted
        await stage.apply(grouped("a", policy, sim("never")))
        await stage.until(lambda: bool(stage.pods_run))
        await asyncio.sleep(1.5)
        await stage.apply(grouped("b", policy, runs("1s")))
        if policy == "Forbid":
            stop = {"metadata": {"annotations": {STOP_ANNOTATION: "stop"}}}
            await stage.call("PATCH", f"{FLOWS}/a", stop)
        if restart:
            await stage.until(lambda: stage.phase("a") == "Failed")
            await stage.restart()
        await stage.ended("a", "b", seconds=30)
        assert dict(stage.starts)["b-a-1"] >= stage.ends["a-a-1"]

    play(scenario)


@pytest.mark.parametrize("policy", ["Forbid", "Replace"])
def test_a_restart_in_the_middle_keeps_the_order(policy: str) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(grouped("a", policy, runs("30s")))
        await asyncio.sleep(1.5)
        await stage.apply(grouped("b", policy, runs("1s")))
        await asyncio.sleep(0.1)
        await stage.restart()
        await stage.ended("a", "b")
        assert stage.phase("a") == ("Succeeded" if policy == "Forbid" else "Failed")
        assert stage.phase("b") == "Succeeded"
        assert stage.jobs_made["b", "a", 1] == 1

    play(scenario)


def test_flows_of_other_groups_do_not_wait() -> None:
    async def scenario(stage: Stage) -> None:
        other = flow("other", step("a"), executionPolicy={"concurrencyGroup": "weekly"})
        await stage.apply(grouped("a", "Forbid", sim("never")), other, flow("free", step("a")))
        await stage.ended("other", "free", seconds=5)

    play(scenario)
