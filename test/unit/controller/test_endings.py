"""How flows end before their time: failFast, and the stop annotation."""

from __future__ import annotations

import asyncio

import pytest

from cluster_suite.flows import chain, flow, manual, runs, sim, step
from jobflows.engine.stopping import STOP_ANNOTATION
from unit.controller.stage import FLOWS, Stage, play


async def ask(stage: Stage, name: str, value: str | None) -> None:
    """Set the stop annotation of a flow, or take it off."""
    said = {"metadata": {"annotations": {STOP_ANNOTATION: value}}}
    await stage.call("PATCH", f"{FLOWS}/{name}", said)


def test_scenario_17_fail_fast_on_a_cluster() -> None:
    async def scenario(stage: Stage) -> None:
        policy = {"failFast": True}
        steps = (step("bad", pod=sim("fail")), step("slow", pod=runs("20s")), step("next", "slow"))
        await stage.apply(flow("f", *steps, executionPolicy=policy))
        await stage.ended("f")
        assert stage.phases("f") == {"bad": "Failed", "slow": "Succeeded", "next": "Skipped"}
        assert stage.step("f", "next")["reason"] == "FailFast"
        assert stage.status("f")["message"].startswith("step bad failed")

    play(scenario)


def test_fail_fast_can_stop_what_runs() -> None:
    async def scenario(stage: Stage) -> None:
        policy = {"failFast": True, "failFastMode": "Terminate"}
        steps = (step("bad", pod=sim("fail")), step("slow", pod=sim("never")))
        await stage.apply(flow("f", *steps, executionPolicy=policy))
        await stage.ended("f", seconds=60)
        assert stage.phases("f") == {"bad": "Failed", "slow": "Failed"}
        await stage.until(lambda: stage.job("f-slow-1") is None, seconds=60)

    play(scenario)


@pytest.mark.parametrize(("word", "reason"), [("stop", "Stopped"), ("terminate", "Terminated")])
def test_a_running_flow_is_stopped_by_its_annotation(word: str, reason: str) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=sim("never")), manual("ask"), step("b", "a")))
        await stage.until(lambda: stage.phases("f").get("a") == "Running")
        await ask(stage, "f", word)
        await stage.ended("f", seconds=5)
        assert stage.phases("f") == {"a": "Failed", "ask": "Failed", "b": "Skipped"}
        assert stage.status("f")["reason"] == reason
        await stage.until(lambda: not stage.jobs(), seconds=60)
        await ask(stage, "f", None)
        await stage.restart()
        await asyncio.sleep(60)
        assert stage.status("f")["reason"] == reason
        assert [name for name, _ in stage.starts] == ["f-a-1"]

    play(scenario)


def test_a_flow_that_has_not_begun_is_stopped_by_its_annotation() -> None:
    async def scenario(stage: Stage) -> None:
        group = {"executionPolicy": {"concurrencyGroup": "g"}}
        await stage.apply(flow("first", step("a", pod=runs("100s")), **group))
        await asyncio.sleep(2)
        await stage.apply(flow("waits", step("a"), **group), chain("pauses", 2, suspend=True))
        await stage.until(lambda: stage.phase("waits") == "Pending")
        await stage.until(lambda: stage.phase("pauses") == "Suspended")
        await ask(stage, "waits", "stop")
        await ask(stage, "pauses", "stop")
        await stage.ended("waits", "pauses", seconds=5)
        assert stage.phases("waits") == {"a": "Skipped"}
        await stage.ended("first")
        assert [name for name, _ in stage.starts] == ["first-a-1"]

    play(scenario)


def test_a_stop_that_was_asked_for_while_the_operator_was_away_is_heard() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=sim("never"))))
        await stage.until(lambda: stage.phases("f").get("a") == "Running")
        await stage.crash()
        await ask(stage, "f", "stop")
        stage.start()
        await stage.ended("f", seconds=10)

    play(scenario)


def test_another_word_is_ignored_and_that_is_said_once() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("10s")), step("b", "a", pod=runs("10s"))))
        await stage.until(lambda: stage.phases("f").get("a") == "Running")
        await ask(stage, "f", "please")
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        (said,) = [note for reason, note in stage.events() if reason == "StopIgnored"]
        assert said.endswith("'please' is ignored; write stop or terminate")

    play(scenario)
