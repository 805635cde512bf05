"""What people do to a flow while it exists: approve, suspend, edit, delete."""

from __future__ import annotations

import asyncio

from cluster_suite.flows import chain, flow, manual, runs, sim, step
from unit.controller.stage import FLOWS, Stage, play

SOON = {"ttlSecondsAfterFinished": 100}


def test_a_manual_step_waits_for_its_annotation() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a"), manual("ask", "a"), step("b", "ask")))
        await stage.until(lambda: stage.phase("f") == "Paused")
        assert stage.step("f", "ask")["phase"] == "PendingApproval"
        await asyncio.sleep(3600)
        assert stage.phases("f") == {"a": "Succeeded", "ask": "PendingApproval", "b": "Pending"}
        await stage.annotate("f", ask="true")
        await stage.ended("f", seconds=5)
        assert stage.phase("f") == "Succeeded"

    play(scenario)


def test_a_denied_approval_fails_the_flow_and_starts_nothing_behind_it() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", manual("ask"), step("b", "ask")))
        await stage.annotate("f", ask="false")
        await stage.ended("f", seconds=5)
        assert stage.phases("f") == {"ask": "Failed", "b": "Skipped"}
        assert not stage.starts

    play(scenario)


def test_an_answer_that_is_neither_yes_nor_no_is_none() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", manual("ask")))
        await stage.annotate("f", ask="maybe")
        await asyncio.sleep(60)
        assert stage.phase("f") == "Paused"
        await stage.annotate("f", ask=" True ")
        await stage.ended("f", seconds=5)

    play(scenario)


def test_an_answer_given_while_the_operator_was_away_is_heard() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", manual("ask")))
        await stage.until(lambda: stage.phase("f") == "Paused")
        await stage.crash()
        await stage.annotate("f", ask="true")
        stage.start()
        await stage.ended("f", seconds=10)

    play(scenario)


def test_a_suspended_flow_starts_nothing_until_it_is_resumed() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 3, runs("10s"), suspend=True))
        await asyncio.sleep(60)
        assert stage.phase("f") == "Suspended"
        assert not stage.starts
        await stage.edit("f", suspend=False)
        await stage.until(lambda: len(stage.starts) == 1)
        await stage.edit("f", suspend=True)
        await asyncio.sleep(60)
        assert stage.phases("f") == {"s0": "Succeeded", "s1": "Pending", "s2": "Pending"}
        assert stage.phase("f") == "Suspended"
        await stage.edit("f", suspend=False)
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "s0", "s1", "s2")

    play(scenario)


def test_a_finished_flow_is_deleted_when_its_ttl_is_over() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 2, executionPolicy=SOON))
        await stage.ended("f")
        ended = stage.server.clock.now()
        await stage.until(lambda: stage.flow("f") is None, seconds=101)
        assert stage.server.clock.now() - ended > 99
        await stage.until(lambda: not stage.jobs() and not stage.pods(), seconds=5)
        assert not stage.operator.world.flows
        assert len(stage.operator.reconciler.compiler) == 0

    play(scenario)


def test_the_ttl_is_kept_across_a_restart() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 2, executionPolicy=SOON))
        await stage.ended("f")
        await stage.crash()
        await asyncio.sleep(40)
        stage.start()
        await asyncio.sleep(50)
        assert stage.flow("f") is not None
        await stage.until(lambda: stage.flow("f") is None, seconds=12)

    play(scenario)


def test_a_job_is_deleted_at_the_ttl_of_its_template_but_not_before_it_is_on_record() -> None:
    async def scenario(stage: Stage) -> None:
        brief = step("a")
        brief["template"]["spec"]["ttlSecondsAfterFinished"] = 20
        await stage.apply(flow("f", brief, step("b", "a", pod=runs("60s"))))
        await stage.until(lambda: stage.step("f", "a").get("phase") == "Succeeded")
        await asyncio.sleep(15)
        assert stage.job("f-a-1") is not None
        await stage.until(lambda: stage.job("f-a-1") is None, seconds=8)
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "a", "b")

    play(scenario)


def test_a_flow_deleted_while_it_starts_leaves_nothing_behind() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.latency = 0.5
        await stage.apply(flow("f", *(step(f"s{i}", pod=sim("never")) for i in range(30))))
        await asyncio.sleep(1.2)
        await stage.delete("f")
        await asyncio.sleep(60)
        assert stage.flow("f") is None
        assert not stage.jobs()
        assert not stage.pods()
        assert not stage.operator.world.flows
        assert len(stage.operator.reconciler.compiler) == 0
        assert len(stage.operator.queue) == 0

    play(scenario)


def test_a_flow_that_is_being_deleted_starts_nothing_more() -> None:
    async def scenario(stage: Stage) -> None:
        made = chain("f", 3, runs("5s"))
        made["metadata"]["finalizers"] = ["example.com/archive"]
        await stage.apply(made)
        await stage.until(lambda: len(stage.starts) == 1)
        await stage.delete("f")
        await asyncio.sleep(60)
        assert stage.flow("f") is not None
        assert len(stage.starts) == 1
        await stage.call("PATCH", f"{FLOWS}/f", {"metadata": {"finalizers": None}})
        await stage.until(lambda: stage.flow("f") is None and not stage.pods(), seconds=10)
        await asyncio.sleep(1)
        assert not stage.operator.world.flows

    play(scenario)
