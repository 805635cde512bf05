"""The API server is away for a minute, beginning at any moment."""

from __future__ import annotations

import asyncio

import pytest

from unit.controller import mixture
from unit.controller.stage import Stage, play

MOMENTS = [0.01 * 1.5**n for n in range(20)]  # 10 ms to half a minute


@pytest.mark.parametrize("compacted", [False, True])
def test_an_outage_at_any_moment_changes_nothing(compacted: bool) -> None:
    for moment in MOMENTS:

        async def scenario(stage: Stage, moment: float = moment) -> None:
            async def away() -> None:
                await asyncio.sleep(moment)
                stage.server.down()
                await asyncio.sleep(60)
                if compacted:
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
