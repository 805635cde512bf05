"""What flows compile to: once a generation, and shared by those of the same spec."""

from __future__ import annotations

from cluster_suite.flows import chain, flow, runs, step
from jobflows.engine import CompiledFlow
from unit.controller.stage import Stage, play


def compiled(stage: Stage, name: str) -> CompiledFlow:
    states = stage.operator.world.flows.values()
    found = next(s.flow for s in states if s.flow is not None and s.flow.name == name)
    assert found is not None
    return found


def test_flows_of_the_same_spec_share_what_follows_from_it() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 2, runs("60s")), chain("g", 2, runs("60s")))
        await stage.until(lambda: len(stage.starts) == 2)
        f, g = compiled(stage, "f"), compiled(stage, "g")
        assert f.steps is g.steps
        assert f.graph is g.graph
        assert (f.name, g.name) == ("f", "g")
        assert f.uid != g.uid
        await stage.ended("f", "g")
        stage.once_each("f", "s0", "s1")
        stage.once_each("g", "s0", "s1")

    play(scenario)


def test_an_edit_of_one_of_them_is_no_edit_of_the_other() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 2, runs("60s")), chain("g", 2, runs("60s")))
        await stage.until(lambda: len(stage.starts) == 2)
        await stage.edit("f", steps=[step("s0", pod=runs("60s")), step("new", "s0")])
        await stage.ended("f", "g")
        assert stage.phases("f").keys() == {"s0", "new"}
        assert stage.phases("g").keys() == {"s0", "s1"}

    play(scenario)


def test_each_flow_is_checked_by_itself() -> None:
    async def scenario(stage: Stage) -> None:
        maps = {"configMapTemplates": [{"metadata": {"name": "m" * 100}}]}
        steps = (step("a", pod=runs("60s")),)
        await stage.apply(flow("f", *steps, resourceTemplates=maps))
        await stage.until(lambda: bool(stage.starts))
        await stage.apply(flow("g" * 200, *steps, resourceTemplates=maps))
        await stage.ended("f", "g" * 200)
        assert stage.phase("f") == "Succeeded"
        assert stage.status("g" * 200)["reason"] == "Invalid"

    play(scenario)
