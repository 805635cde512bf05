"""The spec of a flow is edited while it runs: what is final stays, what has not begun follows."""

from __future__ import annotations

import asyncio

from cluster_suite.flows import fan, flow, job, runs, sim, step
from model import kind_of
from unit.controller.stage import Stage, play


def test_a_new_step_runs() -> None:
    async def scenario(stage: Stage) -> None:
        a = step("a", pod=runs("10s"))
        await stage.apply(flow("f", a))
        await stage.until(lambda: len(stage.starts) == 1)
        await stage.edit("f", steps=[step("zero"), a, step("b", "a", "zero")])
        await stage.ended("f")
        assert stage.phases("f") == {"zero": "Succeeded", "a": "Succeeded", "b": "Succeeded"}
        stage.once_each("f", "zero", "a", "b")

    play(scenario)


def test_a_removed_step_is_stopped() -> None:
    async def scenario(stage: Stage) -> None:
        b = step("b", pod=runs("10s"))
        await stage.apply(flow("f", step("a", pod=sim("never")), b))
        await stage.until(lambda: len(stage.pods()) == 2)
        await stage.edit("f", steps=[b])
        await stage.until(lambda: stage.job("f-a-1") is None, seconds=5)
        await stage.ended("f")
        assert stage.phases("f") == {"b": "Succeeded"}
        assert not [pod for pod in stage.pods() if "f-a-1" in pod["metadata"]["name"]]

    play(scenario)


def test_a_step_removed_while_its_job_is_being_created_is_stopped() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.latency = 1.0
        b = step("b", pod=runs("20s"))
        await stage.apply(flow("f", step("a", pod=sim("never")), b))
        await stage.until(lambda: len(stage.operator._starting._starts) > 0)
        await stage.edit("f", steps=[b])
        await stage.ended("f")
        await stage.until(lambda: stage.job("f-a-1") is None, seconds=10)
        stage.once_each("f", "b")

    play(scenario)


def test_a_change_of_a_finished_step_is_ignored_and_said_so() -> None:
    async def scenario(stage: Stage) -> None:
        b = step("b", "a", pod=runs("10s"))
        await stage.apply(flow("f", step("a"), b))
        await stage.until(lambda: stage.phases("f").get("a") == "Succeeded")
        await stage.edit("f", steps=[step("a", pod=sim("fail")), b])
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert any(reason == "SpecChangeIgnored" for reason, _ in stage.events())
        stage.once_each("f", "a", "b")
        assert stage.status("f")["observedGeneration"] == 2

    play(scenario)


def test_an_edit_that_changes_no_decision_is_still_observed() -> None:
    async def scenario(stage: Stage) -> None:
        a = step("a", pod=runs("60s"))
        await stage.apply(flow("f", a))
        await stage.until(lambda: stage.step("f", "a").get("phase") == "Running")
        await asyncio.sleep(5)
        await stage.edit("f", parameters=[{"name": "x", "value": "1"}])
        await stage.until(lambda: stage.status("f")["observedGeneration"] == 2, seconds=5)

    play(scenario)


def test_an_edit_during_a_status_write_is_observed() -> None:
    for delay in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4):

        async def scenario(stage: Stage, delay: float = delay) -> None:
            a = step("a", pod=sim("never"))
            await stage.apply(flow("f", a))
            await stage.until(lambda: bool(stage.starts))
            stage.server.latency = 0.4
            await asyncio.sleep(delay)
            await stage.edit("f", parameters=[{"name": "x", "value": "1"}])
            await stage.until(lambda: stage.status("f").get("observedGeneration") == 2, seconds=9)

        play(scenario)


def test_indices_that_move_under_starts_do_no_harm() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.latency = 0.5
        made = fan("f", 40)
        await stage.apply(made)
        await stage.until(lambda: len(stage.starts) > 5)
        steps = made["spec"]["steps"]
        await stage.edit("f", steps=[step("new"), *reversed(steps)])
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "new", *(each["name"] for each in steps))

    play(scenario)


def test_a_resource_that_an_edit_adds_is_created_before_the_steps_that_want_it() -> None:
    async def scenario(stage: Stage) -> None:
        first, more = ({"metadata": {"name": n}, "data": {"k": "v"}} for n in ("first", "more"))
        a = step("a", pod=runs("10s"))
        await stage.apply(flow("f", a, resourceTemplates={"configMapTemplates": [first]}))
        await stage.until(lambda: len(stage.starts) == 1)
        wants = {"envFrom": [{"configMapRef": {"name": "more"}}]}
        b = {"name": "b", "dependencies": ["a"], "template": job(container=wants)}
        both = {"configMapTemplates": [first, more]}
        await stage.edit("f", steps=[a, b], resourceTemplates=both)
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert stage.server.get(kind_of("configmaps"), "f-more") is not None

    play(scenario)


def test_an_edit_of_a_finished_flow_is_observed_and_has_no_effect() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a")))
        await stage.ended("f")
        await asyncio.sleep(10)
        ended = stage.status("f")["completionTime"]
        await stage.edit("f", steps=[step("a", pod=sim("fail")), step("b", "a")])
        await asyncio.sleep(60)
        assert stage.phase("f") == "Succeeded"
        assert stage.status("f")["observedGeneration"] == 2
        assert stage.status("f")["completionTime"] == ended
        assert stage.phases("f") == {"a": "Succeeded", "b": "Skipped"}
        assert [reason for reason, _ in stage.events()] == ["SpecChangeIgnored"]
        before = stage.server.writes()
        await stage.restart()
        await asyncio.sleep(600)
        assert stage.server.writes() == before
        assert len(stage.starts) == 1

    play(scenario)


def test_an_edit_while_the_operator_is_away_is_observed() -> None:
    async def scenario(stage: Stage) -> None:
        a = step("a", pod=sim("never"))
        await stage.apply(flow("f", a))
        await stage.until(lambda: stage.step("f", "a").get("phase") == "Running")
        await stage.crash()
        await stage.edit("f", parameters=[{"name": "x", "value": "1"}])
        stage.start()
        await stage.until(lambda: stage.status("f")["observedGeneration"] == 2, seconds=5)

    play(scenario)
