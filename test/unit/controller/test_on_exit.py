"""Exit handlers on a cluster, through stops, failures and crashes of the operator."""

from __future__ import annotations

import asyncio

import pytest

from cluster_suite.flows import flow, runs, sim, step
from jobflows.engine.stopping import STOP_ANNOTATION
from unit.controller.stage import FLOWS, Stage, play

HANDLERS = [step("tidy", pod=runs("5s")), step("tell", "tidy")]


async def stop(stage: Stage, value: str | None = "stop") -> None:
    said = {"metadata": {"annotations": {STOP_ANNOTATION: value}}}
    await stage.call("PATCH", f"{FLOWS}/f", said)


def test_handlers_run_after_a_failure() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=sim("fail")), onExit=HANDLERS))
        await stage.until(lambda: stage.status("f").get("reason") == "ExitHandlers")
        assert stage.status("f")["outcome"]["reason"] == "StepFailed"
        assert stage.phase("f") == "Running"
        await stage.ended("f")
        assert stage.phases("f") == {"a": "Failed", "tidy": "Succeeded", "tell": "Succeeded"}
        assert stage.status("f")["reason"] == "StepFailed"
        stage.once_each("f", "tidy", "tell")

    play(scenario)


def test_handlers_run_after_a_stop_when_the_pods_are_gone() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=sim("never")), onExit=HANDLERS))
        await stage.until(lambda: stage.phases("f").get("a") == "Running")
        await stop(stage)
        await stage.ended("f")
        assert stage.status("f")["reason"] == "Stopped"
        began = dict(stage.starts)
        assert began["f-tidy-1"] >= stage.ends["f-a-1"]
        stage.once_each("f", "tidy", "tell")

    play(scenario)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_call_runs_each_handler_once(moment: str) -> None:
    """The stop is taken back as soon as a handler runs: the outcome must be on record by then."""

    async def run(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("3s")), step("b", "a"), onExit=HANDLERS))
        await stage.until(lambda: bool(stage.starts))
        await stage.edit("f", suspend=True)
        await asyncio.sleep(20)
        await stop(stage)
        await stage.until(lambda: len(stage.starts) > 1)
        await stop(stage, None)
        await stage.edit("f", suspend=False)
        await stage.ended("f")
        assert stage.status("f")["reason"] == "Stopped"
        assert stage.phases("f")["b"] == "Skipped"
        stage.once_each("f", "a", "tidy", "tell")

    calls = 0

    async def count(stage: Stage) -> None:
        nonlocal calls
        await run(stage)
        calls = stage.life.line.calls

    play(count)
    for k in range(1, 1 + calls):

        async def scenario(stage: Stage, k: int = k) -> None:
            reborn = stage.dies_at(k, moment)
            await run(stage)
            reborn.cancel()

        play(scenario)
