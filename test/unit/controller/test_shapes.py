"""Flows of all shapes reach their end: each step once, in order, with few writes."""

from __future__ import annotations

import asyncio

from cluster_suite.flows import chain, diamond, fan, flow, runs, sim, step
from unit.controller.stage import Stage, play


def test_a_chain_runs_in_order_each_step_once() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a"), step("b", "a"), step("c", "b")))
        await stage.ended("f", seconds=5)
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "a", "b", "c")
        assert [name for name, _ in stage.starts] == ["f-a-1", "f-b-1", "f-c-1"]

    play(scenario)


def test_a_step_starts_when_the_pod_before_it_has_succeeded_not_when_its_job_has() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 10))
        await stage.ended("f", seconds=3)  # the Job controller takes a second to count each pod

    play(scenario)


def test_the_middle_of_a_diamond_runs_side_by_side() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(diamond("f", runs("10s")))
        await stage.ended("f", seconds=32)
        stage.once_each("f", "a", "b", "c", "d")
        at = dict(stage.starts)
        assert abs(at["f-b-1"] - at["f-c-1"]) < 0.1
        assert at["f-d-1"] - at["f-b-1"] > 10

    play(scenario)


def test_an_array_job_is_done_when_all_of_its_pods_are() -> None:
    async def scenario(stage: Stage) -> None:
        four = step("a", pod=runs("2s"))
        four["template"]["spec"] |= {"completions": 4, "parallelism": 2}
        await stage.apply(flow("f", four, step("b", "a")))
        await stage.ended("f", seconds=20)
        at = dict(stage.starts)
        assert at["f-b-1"] - at["f-a-1"] > 4
        assert stage.pods_run["f", "a", 1] == 4

    play(scenario)


def test_an_idle_operator_writes_nothing_for_an_hour() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("done", 3), flow("hangs", step("a", pod=sim("never"))))
        await stage.ended("done")
        await asyncio.sleep(5)
        before = stage.server.writes()
        reconciles = stage.gauge("zen_flow_reconciliation_total")
        await asyncio.sleep(3600)
        assert stage.server.writes() == before
        assert stage.gauge("zen_flow_reconciliation_total") == reconciles

    play(scenario)


def test_what_happens_within_a_batch_period_is_one_status() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 2))
        await stage.ended("f")
        await asyncio.sleep(60)
        assert stage.calls("create", "jobs") == 2
        assert stage.calls("patch", "jobflows/status") == 1
        assert stage.server.writes() == 3

    play(scenario)


def test_a_slow_chain_writes_one_status_a_transition() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 4, pod=runs("30s")))
        await stage.ended("f")
        # a starts; a is done and b starts; …; d is done
        assert stage.calls("patch", "jobflows/status") == 5

    play(scenario)


def test_a_fan_of_a_thousand_steps_finishes_with_about_a_write_a_step() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(fan("f", 1000))
        await stage.ended("f", seconds=120)
        assert stage.status("f")["progress"]["summary"] == "1002/1002"
        assert stage.calls("create", "jobs") == 1002
        assert stage.server.writes() <= 1002 * 1.2
        assert set(stage.pods_run.values()) == {1}

    play(scenario, kube_api_qps=0)


def test_a_wide_flow_does_not_starve_a_small_one() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(fan("wide", 500))
        await stage.until(lambda: len(stage.starts) > 210)
        await stage.apply(chain("small", 3))
        await stage.ended("small", seconds=4)
        assert stage.phase("wide") == "Running"
        await stage.ended("wide")

    play(scenario)
