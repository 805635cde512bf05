"""A flow that the validator rejects: told once with all its problems, and harmless."""

from __future__ import annotations

import asyncio
import logging

import pytest

from cluster_suite.flows import chain, flow, retry, runs, sim, step
from model import Fault, Rules
from unit.controller.stage import FLOWS, Object, Stage, play

CYCLE = [step("a", "b"), step("b", "a"), step("c", "nobody")]
SOON = {"ttlSecondsAfterFinished": 100}
GROUP = {"concurrencyGroup": "g", "concurrencyPolicy": "Forbid"}


def condition(stage: Stage, name: str, kind: str) -> Object:
    found = stage.status(name).get("conditions") or ()
    return next((dict(c) for c in found if c["type"] == kind), {})


def test_an_invalid_flow_fails_with_all_its_problems_and_touches_nothing() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", *CYCLE))
        await stage.ended("f", seconds=5)
        valid = condition(stage, "f", "Valid")
        assert valid["status"] == "False"
        assert "wait for each other" in valid["message"]
        assert "nobody" in valid["message"]
        assert condition(stage, "f", "Succeeded")["status"] == "False"
        assert stage.status("f")["reason"] == "Invalid"
        assert not stage.starts
        before = stage.server.writes()
        await asyncio.sleep(3600)
        await stage.restart()
        await asyncio.sleep(3600)
        assert stage.server.writes() == before
        assert [reason for reason, _ in stage.events()] == ["Invalid"]

    play(scenario)


def test_an_invalid_flow_may_be_deleted_while_it_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(stage: Stage) -> None:
        late = Fault(delay_answer=5.0)
        stage.server.faults = Rules().on(late, client="operator", resource="jobflows/status")
        await stage.apply(flow("f", *CYCLE))
        await stage.until(lambda: stage.phase("f") == "Failed")
        await stage.call("DELETE", f"{FLOWS}/f")
        await asyncio.sleep(60)
        assert stage.gauge("zen_flow_jobflows") == 0
        assert not stage.events()

    play(scenario)
    assert [each.message for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_it_runs_once_its_spec_is_mended() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", *CYCLE))
        await stage.ended("f", seconds=5)
        await stage.edit("f", steps=[step("a"), step("b", "nobody")])
        await asyncio.sleep(5)
        assert stage.phase("f") == "Failed"
        assert "nobody" in stage.status("f")["message"]
        assert "wait for" not in stage.status("f")["message"]
        assert condition(stage, "f", "Succeeded")["status"] == "False"
        await stage.edit("f", steps=[step("a"), step("b", "a", pod=runs("5s"))])
        await stage.until(lambda: stage.phase("f") == "Running")
        assert "completionTime" not in stage.status("f")
        await stage.until(lambda: stage.phase("f") == "Succeeded", seconds=10)
        assert condition(stage, "f", "Valid")["status"] == "True"
        assert "message" not in stage.status("f")
        stage.once_each("f", "a", "b")
        assert stage.gauge("zen_flow_jobflows") == 1
        assert stage.gauge("zen_flow_steps", phase="Succeeded") == 2
        assert stage.gauge("zen_flow_steps") == 2

    play(scenario)


def test_it_is_mended_while_the_operator_is_away() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", *CYCLE))
        await stage.ended("f", seconds=5)
        await stage.crash()
        await stage.edit("f", steps=[step("a")])
        stage.start()
        await stage.until(lambda: stage.phase("f") == "Succeeded", seconds=10)

    play(scenario)


def test_an_invalid_flow_is_deleted_when_its_ttl_is_over() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", *CYCLE, executionPolicy=SOON))
        await stage.ended("f", seconds=5)
        await asyncio.sleep(90)
        assert stage.flow("f") is not None
        await stage.until(lambda: stage.flow("f") is None, seconds=15)
        await asyncio.sleep(1)
        assert not stage.operator.world.flows
        assert stage.gauge("zen_flow_jobflows") == 0

    play(scenario)


def test_a_finished_flow_with_a_broken_spec_is_deleted_when_its_ttl_is_over() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 1, executionPolicy=SOON))
        await stage.ended("f")
        await asyncio.sleep(5)
        await stage.edit("f", steps=CYCLE)
        await asyncio.sleep(5)
        assert stage.phase("f") == "Succeeded"
        await stage.until(lambda: stage.flow("f") is None, seconds=100)

    play(scenario)


def test_a_running_flow_that_becomes_invalid_holds_still_until_it_is_mended() -> None:
    async def scenario(stage: Stage) -> None:
        steps = [step("a", pod=runs("10s")), step("b", "a")]
        await stage.apply(flow("f", *steps))
        await stage.until(lambda: stage.phase("f") == "Running")
        await stage.edit("f", steps=CYCLE)
        await stage.until(lambda: condition(stage, "f", "Valid")["status"] == "False")
        await asyncio.sleep(60)
        assert stage.phase("f") == "Running"
        assert len(stage.starts) == 1
        before = stage.server.writes()
        await stage.restart()
        await asyncio.sleep(60)
        assert stage.server.writes() == before
        await stage.edit("f", steps=steps)
        await stage.ended("f", seconds=5)
        assert stage.phase("f") == "Succeeded"
        assert condition(stage, "f", "Valid")["status"] == "True"
        stage.once_each("f", "a", "b")
        assert stage.gauge("zen_flow_steps", phase="Succeeded") == 2
        assert stage.gauge("zen_flow_steps") == 2

    play(scenario)


def test_an_invalid_flow_does_not_hold_up_its_group() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(
            flow("older", *CYCLE, executionPolicy=GROUP),
            flow("younger", step("a"), executionPolicy=GROUP),
        )
        stage.start()
        await stage.ended("younger", seconds=10)
        assert stage.phase("younger") == "Succeeded"

    for seed in range(5):
        play(scenario, start=False, seed=seed)


def test_one_invalid_flow_among_many_disturbs_nobody() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(*(chain(f"f{i}", 2) for i in range(5)), flow("bad", *CYCLE))
        await stage.ended("bad", *(f"f{i}" for i in range(5)))
        assert stage.gauge("zen_flow_jobflows", phase="Failed") == 1
        assert stage.gauge("zen_flow_jobflows", phase="Succeeded") == 5
        assert stage.gauge("zen_flow_jobflows") == 6

    play(scenario)


HANGS = runs("1h")
STOPPED = {"workflow.kube-zen.io/stop": "stop"}
AWAY = pytest.mark.parametrize("restarted", [False, True], ids=["at work", "restarted"])


async def breaks(stage: Stage, *, restarted: bool) -> None:
    """Edit the running flow `f` to something invalid."""
    await stage.until(lambda: stage.phase("f") == "Running")
    await stage.edit("f", steps=CYCLE)
    await stage.until(lambda: condition(stage, "f", "Valid")["status"] == "False")
    if restarted:
        await stage.restart()
    await asyncio.sleep(5)
    assert stage.phase("f") == "Running"


async def stop(stage: Stage) -> None:
    await stage.call("PATCH", f"{FLOWS}/f", {"metadata": {"annotations": STOPPED}})


@AWAY
def test_a_running_flow_that_became_invalid_can_be_stopped(restarted: bool) -> None:
    async def scenario(stage: Stage) -> None:
        clean = step("clean")
        await stage.apply(flow("f", step("a", pod=HANGS), step("b", "a"), onExit=[clean]))
        await breaks(stage, restarted=restarted)
        await stop(stage)
        await stage.ended("f", seconds=5)
        assert stage.status("f")["reason"] == "Stopped"
        assert "exit handlers do not run" in stage.status("f")["message"]
        assert stage.step("f", "a")["phase"] == "Failed"
        assert stage.status("f")["observedGeneration"] == 2
        assert condition(stage, "f", "Valid")["status"] == "False"
        assert "wait for each other" in condition(stage, "f", "Valid")["message"]
        assert condition(stage, "f", "Succeeded")["status"] == "False"
        await stage.until(lambda: not stage.pods(), seconds=60)
        assert len(stage.starts) == 1
        before = stage.server.writes()
        await stage.restart()
        await asyncio.sleep(3600)
        assert stage.server.writes() == before

    play(scenario)


@AWAY
def test_its_deadline_still_ends_it(restarted: bool) -> None:
    async def scenario(stage: Stage) -> None:
        policy = {"activeDeadlineSeconds": 60}
        await stage.apply(flow("f", step("a", pod=HANGS), executionPolicy=policy))
        await breaks(stage, restarted=restarted)
        await stage.ended("f", seconds=60)
        assert stage.status("f")["reason"] == "ActiveDeadlineExceeded"
        await stage.until(lambda: not stage.pods(), seconds=60)

    play(scenario)


def test_the_time_of_its_steps_runs_out_and_nothing_is_tried_again_before_it_is_mended() -> None:
    async def scenario(stage: Stage) -> None:
        steps = [
            step("a", pod=HANGS, timeoutSeconds=60, retryPolicy=retry(1, "1s")),
            step("b", "a"),
        ]
        await stage.apply(flow("f", *steps))
        await breaks(stage, restarted=False)
        await stage.until(lambda: not stage.pods(), seconds=120)
        await asyncio.sleep(600)
        assert stage.phase("f") == "Running"
        assert stage.step("f", "a")["phase"] == "Pending"
        assert len(stage.starts) == 1
        await stage.edit("f", steps=[step("a"), step("b", "a")])
        await stage.ended("f", seconds=10)
        assert stage.phase("f") == "Succeeded"
        assert [name for name, _ in stage.starts] == ["f-a-1", "f-a-2", "f-b-1"]

    play(scenario)


@AWAY
def test_what_ends_while_it_is_invalid_is_judged_by_a_valid_spec(restarted: bool) -> None:
    async def scenario(stage: Stage) -> None:
        said = sim(run_for="30s", message='{"rows": 7}')
        rows = {"name": "rows", "valueFrom": {"jsonPath": "$.rows"}}
        uses = {"name": "n", "valueFrom": {"jsonPath": "a:$.outputs.rows"}}
        steps = [
            step("a", pod=said, outputs={"parameters": [rows]}),
            step("b", "a", inputs={"parameters": [uses]}),
        ]
        await stage.apply(flow("f", *steps))
        await breaks(stage, restarted=restarted)
        await asyncio.sleep(60)
        assert stage.phase("f") == "Running"
        await stage.edit("f", steps=steps)
        await stage.ended("f", seconds=10)
        assert stage.phase("f") == "Succeeded"
        assert stage.step("f", "a")["outputs"] == {"rows": "7"}
        stage.once_each("f", "a", "b")
        assert stage.gauge("zen_flow_steps", phase="Succeeded") == 2
        assert stage.gauge("zen_flow_steps") == 2

    play(scenario)


def test_a_flow_that_waits_for_another_and_became_invalid_can_be_stopped() -> None:
    async def scenario(stage: Stage) -> None:
        older = flow("g", step("a", pod=HANGS), executionPolicy=GROUP)
        await stage.apply(older)
        await stage.until(lambda: stage.phase("g") == "Running")
        await stage.apply(flow("f", step("a"), executionPolicy=GROUP))
        await stage.until(lambda: stage.status("f").get("reason") == "WaitingForFlow")
        await stage.edit("f", steps=CYCLE)
        await stage.until(lambda: condition(stage, "f", "Valid")["status"] == "False")
        await stop(stage)
        await stage.ended("f", seconds=5)
        assert stage.status("f")["reason"] == "Stopped"
        assert len(stage.starts) == 1

    play(scenario)
