"""Flows of all shapes reach their end, each step once and in order."""

from __future__ import annotations

from cluster_suite.flows import fails_until, flow, runs, sim, step
from unit.controller.stage import Stage, play


def test_a_chain_runs_in_order_each_step_once() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a"), step("b", "a"), step("c", "b")))
        await stage.ended("f", seconds=5)
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "a", "b", "c")
        assert [name for name, _ in stage.starts] == ["f-a-1", "f-b-1", "f-c-1"]

    play(scenario)
