"""A flow that the validator rejects: told once with all its problems, and harmless."""

from __future__ import annotations

import asyncio

from cluster_suite.flows import chain, flow, runs, step
from unit.controller.stage import Object, Stage, play

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
