"""The API server is away for a minute, beginning at any moment."""

from __future__ import annotations

import asyncio

from cluster_suite.flows import flow, retry, sim, step
from unit.controller import mixture
from unit.controller.stage import Stage, play

MOMENTS = [0.01 * 1.5**n for n in range(20)]  # 10 ms to half a minute


def test_an_outage_at_any_moment_changes_nothing() -> None:
    for number, moment in enumerate(MOMENTS):

        async def scenario(stage: Stage, number: int = number, moment: float = moment) -> None:
            async def away() -> None:
                await asyncio.sleep(moment)
                stage.server.down()
                await asyncio.sleep(60)
                if number % 2:
                    stage.server.compact()
                stage.server.up()

            await stage.apply(*mixture.flows())
            await stage.annotate("asks", a="true")
            outage = asyncio.create_task(away())
            await asyncio.sleep(moment + 61)
            await mixture.finish(stage)
            await outage

        play(scenario)


def test_an_operator_that_starts_while_the_api_server_is_away_waits_for_it() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(*mixture.flows())
        await stage.annotate("asks", a="true")
        stage.server.down()
        stage.start()
        await asyncio.sleep(300)
        stage.server.up()
        await mixture.finish(stage)

    play(scenario, start=False)


def test_a_step_that_succeeded_unseen_is_not_called_late() -> None:
    async def scenario(stage: Stage) -> None:
        slow = step("a", pod=sim(run_for="10s"), timeoutSeconds=20, retryPolicy=retry(3))
        await stage.apply(flow("blind", slow))
        await _go_blind(stage)
        await stage.ended("blind")
        assert stage.phase("blind") == "Succeeded"
        stage.once_each("blind", "a")

    play(scenario)


def test_a_flow_whose_steps_ended_unseen_is_not_past_its_deadline() -> None:
    async def scenario(stage: Stage) -> None:
        policy = {"activeDeadlineSeconds": 20}
        await stage.apply(flow("blind", step("a", pod=sim(run_for="10s")), executionPolicy=policy))
        await _go_blind(stage)
        await stage.ended("blind")
        assert stage.phase("blind") == "Succeeded"

    play(scenario)


def test_a_step_that_is_late_is_stopped_once_the_api_server_is_back() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("blind", step("a", pod=sim(outcome="never"), timeoutSeconds=20)))
        await _go_blind(stage)
        await stage.ended("blind")
        assert stage.step("blind", "a")["reason"] == "StepTimeout"
        await stage.until(lambda: not stage.jobs())

    play(scenario)


async def _go_blind(stage: Stage) -> None:
    """The API server goes away while pods run on, for longer than they have time."""
    await asyncio.sleep(5)
    stage.server.down()
    await asyncio.sleep(120)
    stage.server.up()
