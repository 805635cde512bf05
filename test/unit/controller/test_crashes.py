"""The operator dies at any moment and the next one goes on as if nothing had happened."""

from __future__ import annotations

from functools import cache

import pytest

from unit.controller import mixture
from unit.controller.stage import Stage, play

MORE = 16
"""Writes that a crash may cost: what was on its way, and warnings that are told once more."""


@cache
def _calls_and_writes() -> tuple[int, int]:
    calls = 0

    async def scenario(stage: Stage) -> None:
        nonlocal calls
        await mixture.run(stage)
        calls = stage.life.line.calls

    writes = play(scenario).server.writes()
    return calls, writes


PAUSES = (0.0, 5.0)
"""Until the next operator begins, in turn."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_scenario_23_a_crash_at_any_call_loses_and_doubles_nothing(moment: str) -> None:
    calls, writes = _calls_and_writes()
    for k in range(1, 1 + calls):
        pause = PAUSES[(k + (moment == "after")) % 2]

        async def scenario(stage: Stage, k: int = k, pause: float = pause) -> None:
            reborn = stage.dies_at(k, moment, pause=pause)
            await mixture.run(stage)
            await reborn

        stage = play(scenario)
        assert stage.server.writes() <= writes + MORE, k
