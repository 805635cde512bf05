"""The operator itself: starting, stopping in good order, forgetting, pretending."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest

from cluster_suite.flows import chain, diamond, flow, manual, runs, sim, step
from jobflows.engine import alike
from model import Fault, Rules
from unit.controller.stage import FLOWS, Stage, play


def test_a_stop_writes_every_status_that_is_decided() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(*(chain(f"f{i}", 3, runs("5s")) for i in range(8)))
        await stage.until(lambda: len(stage.starts) == 16)
        await asyncio.sleep(0.1)
        assert {stage.step(f"f{i}", "s1").get("phase") for i in range(8)} != {"Running"}
        await stage.stop()
        running = {f"f{i}": stage.step(f"f{i}", "s1").get("phase") for i in range(8)}
        assert set(running.values()) == {"Running"}
        stage.start()
        await stage.ended(*running)
        assert all(stage.phase(name) == "Succeeded" for name in running)
        assert set(stage.jobs_made.values()) == {1}

    play(scenario, status_batch_period=3)


def test_a_stop_before_the_first_list_ends_at_once() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.down()
        stage.start()
        await asyncio.sleep(1)
        await asyncio.wait_for(stage.stop(), 20)

    play(scenario, start=False)


def test_nothing_of_a_cancelled_operator_goes_on_writing() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.latency = 1.0
        await stage.apply(chain("f", 2), diamond("g"))
        await stage.until(lambda: len(stage.starts) == 1)
        stage.life.task.cancel()
        await asyncio.wait([stage.life.task])
        await asyncio.sleep(2)
        before = stage.server.writes()
        await asyncio.sleep(60)
        assert stage.server.writes() == before
        stage.start()
        await stage.ended("f", "g")
        assert set(stage.jobs_made.values()) == {1}

    play(scenario)


def test_checks_say_when_it_can_be_relied_on() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.down()
        stage.start()
        await asyncio.sleep(5)
        assert not any(stage.operator.checks().values())
        stage.server.up()
        await asyncio.sleep(60)
        assert all(stage.operator.checks().values())
        assert all(stage.operator.alive().values())

    play(scenario, start=False)


def test_a_dry_run_writes_nothing_at_all() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 2), flow("bad", step("a", "b")), flow("g", manual("ask")))
        await asyncio.sleep(10)
        await stage.edit("f", suspend=True)
        await stage.edit("bad", steps=[step("a", "x")])
        await asyncio.sleep(100_000)
        assert stage.server.writes() == 0
        assert not stage.status("f")

    play(scenario, dry_run=True)


def test_a_finished_flow_keeps_nothing_compiled_in_memory() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 3), flow("g", step("a", pod=sim("fail")), step("b", "a")))
        await stage.ended("f", "g")
        await asyncio.sleep(10)
        for state in stage.operator.world.flows.values():
            assert (state.flow, state.ledger) == (None, None)
        assert len(stage.operator.reconciler.compiler) == 0
        lists = stage.server.writes()
        await stage.call("PATCH", f"{FLOWS}/f", {"metadata": {"annotations": {"a": "b"}}})
        await asyncio.sleep(60)
        assert stage.server.writes() == lists

    play(scenario)


def test_a_finished_flow_costs_a_restarted_operator_no_write() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(*(diamond(f"f{i}") for i in range(5)))
        await stage.ended(*(f"f{i}" for i in range(5)))
        await asyncio.sleep(5)
        before = stage.server.writes()
        await stage.restart()
        await asyncio.sleep(3600)
        assert stage.server.writes() == before
        assert len(stage.operator.reconciler.compiler) == 0
        assert stage.gauge("zen_flow_jobflows", phase="Succeeded") == 5
        assert stage.gauge("zen_flow_steps", phase="Succeeded") == 20

    play(scenario)


def test_jobs_of_a_flow_that_ended_while_nobody_looked_are_stopped() -> None:
    async def scenario(stage: Stage) -> None:
        steps = (step("a", pod=sim("never")), step("b", pod=sim("never")))
        await stage.apply(flow("f", *steps, executionPolicy={"activeDeadlineSeconds": 30}))
        await stage.until(lambda: stage.phase("f") == "Running")
        await stage.crash()
        await asyncio.sleep(300)
        stage.start()
        await stage.ended("f", seconds=10)
        await stage.until(lambda: not stage.jobs(), seconds=10)
        assert stage.status("f")["reason"] == "ActiveDeadlineExceeded"

    play(scenario)


@pytest.mark.parametrize("seconds", [1.0, 12.0, 30.0, 60.0])
def test_a_large_flow_goes_on_after_a_crash_from_what_its_short_status_says(
    seconds: float,
) -> None:
    async def scenario(stage: Stage) -> None:
        middle = [f"m{i}" for i in range(30)]
        steps = (step(name, "first", pod=runs("20s")) for name in middle)
        await stage.apply(flow("f", step("first"), *steps, step("last", *middle)))
        await asyncio.sleep(seconds)
        await stage.crash()
        stage.start()
        await stage.ended("f")
        await asyncio.sleep(5)
        await stage.restart()
        await stage.until(lambda: stage.gauge("zen_flow_steps", phase="Succeeded") == 32)
        assert stage.phases("f") == {"first": "Succeeded"}
        assert len(stage.step("f", "first")["alike"].split()) == 31
        stage.once_each("f", "first", "last", *middle)

    with patch.object(alike, "LARGE", 20):
        play(scenario)


def test_only_flows_of_the_selection_are_served() -> None:
    async def scenario(stage: Stage) -> None:
        mine = chain("mine", 3, runs("20s"))
        mine["metadata"]["labels"] = {"team": "a"}
        await stage.apply(mine, chain("theirs", 1))
        await stage.until(lambda: len(stage.starts) == 1)
        await asyncio.sleep(5)
        await stage.call("PATCH", f"{FLOWS}/mine", {"metadata": {"labels": {"team": "b"}}})
        await asyncio.sleep(120)
        assert not stage.status("theirs")
        assert len(stage.starts) == 1  # it has left the selection: another operator goes on
        await stage.call("PATCH", f"{FLOWS}/mine", {"metadata": {"labels": {"team": "a"}}})
        await stage.ended("mine", seconds=60)
        stage.once_each("mine", "s0", "s1", "s2")

    play(scenario, label_selector="team=a")


def test_an_answer_that_comes_late_does_not_bring_back_a_flow_that_has_left() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.faults = Rules().on(
            Fault(delay=5.0), client="operator", verb="patch", resource="jobflows/status", nth=[1]
        )
        mine = chain("mine", 2, runs("20s"))
        mine["metadata"]["labels"] = {"team": "a"}
        await stage.apply(mine)
        await asyncio.sleep(2)
        out = {"metadata": {"labels": {"team": "b"}}}
        await stage.call("PATCH", f"{FLOWS}/mine", out)
        await asyncio.sleep(120)
        assert len(stage.starts) == 1
        assert all(state.record is None for state in stage.operator.world.flows.values())

    play(scenario, label_selector="team=a")
