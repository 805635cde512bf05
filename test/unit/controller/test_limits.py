"""Limits that flows share, on the API server model: counted there, at every change of an object."""

from __future__ import annotations

import asyncio

import pytest

from cluster_suite.flows import Object, flow, retry, runs, sim, step
from model import Fault, Rules
from model.storage import Change
from unit.controller.alive import Alive
from unit.controller.stage import JOBS, Stage, play
from unit.controller.test_refusals import Refusing


def wide(name: str, width: int, *, lasts: str = "3s", **policy: object) -> Object:
    """Steps side by side."""
    steps = [step(f"s{i}", pod=runs(lasts)) for i in range(width)]
    return flow(name, *steps, executionPolicy=policy)


def test_scenario_19_parallelism_of_a_flow_is_kept_and_edited_live() -> None:
    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        await stage.apply(wide("f", 20, parallelism=2))
        await stage.until(lambda: len(stage.ends) > 0 or len(stage.starts) >= 4)
        assert alive.peak == 2
        await stage.edit("f", executionPolicy={"parallelism": 0})
        await asyncio.sleep(1)
        made = len(stage.starts)
        await asyncio.sleep(60)
        assert len(stage.starts) == made
        assert not list(alive.now())
        status = stage.status("f")
        assert (status["phase"], status["reason"]) == ("Paused", "Parallelism")
        await stage.edit("f", executionPolicy={"parallelism": 5})
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert alive.peak == 5
        stage.once_each("f", *(f"s{i}" for i in range(20)))

    play(scenario)


def test_all_flows_together_keep_the_operators_limit_and_use_it_up() -> None:
    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        await stage.apply(*(wide(f"f{i}", 6) for i in range(8)))
        await stage.ended(*(f"f{i}" for i in range(8)))
        assert alive.peak == 7
        began = min(at for _, at in stage.starts)
        took = stage.server.clock.now() - began
        assert took < 48 / 7 * 3 * 1.6  # seven at a time, three seconds each, and some overhead
        assert stage.gauge("zen_flow_concurrent_jobs") == 0
        assert stage.gauge("zen_flow_concurrent_jobs_limit", scope="operator") == 7
        assert stage.gauge("zen_flow_jobflows_waiting") == 0

    play(scenario, max_concurrent_jobs=7)


def test_each_namespace_has_a_limit_of_its_own() -> None:
    path = "/apis/workflow.kube-zen.io/v1alpha1/namespaces/{}/jobflows"

    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        for namespace in ("one", "two"):
            await stage.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
            for i in range(3):
                await stage.call("POST", path.format(namespace), wide(f"f{i}", 4))
        await stage.until(lambda: len(stage.starts) == 24)
        assert alive.by_namespace == {"one": 3, "two": 3}
        assert alive.peak == 6

    play(scenario, max_concurrent_jobs_per_namespace=3)


def test_ten_thousand_ready_steps_do_not_starve_three() -> None:
    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        await stage.apply(wide("huge", 300))
        await stage.until(lambda: len(stage.starts) > 20)
        await stage.apply(wide("small", 3))
        began = stage.server.clock.now()
        await stage.ended("small")
        assert stage.server.clock.now() - began < 4 * 3 + 2
        assert stage.phase("huge") == "Running"
        await stage.delete("huge")
        assert alive.peak == 4

    play(scenario, max_concurrent_jobs=4)


def test_flows_of_one_priority_take_turns() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(*(wide(name, 12) for name in ("a", "b", "c")))
        await stage.until(lambda: len(stage.starts) >= 15)
        later = [name.split("-")[0] for name, _ in stage.starts[6:15]]
        assert {later.count(name) for name in ("a", "b", "c")} == {3}, stage.starts

    play(scenario, max_concurrent_jobs=1)


def test_a_higher_priority_is_served_first_and_stops_nothing() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(wide("low", 10, priority=-5), wide("plain", 4))
        await stage.until(lambda: len(stage.starts) >= 2)
        await stage.apply(wide("high", 4, priority=10))
        await stage.ended("high", "plain", "low")
        order = [name.split("-")[0] for name, _ in stage.starts]
        first = order.index("high")
        assert order[first : first + 4] == ["high"] * 4
        assert order[-1] == "low"
        stage.once_each("low", *(f"s{i}" for i in range(10)))

    play(scenario, max_concurrent_jobs=2)


def test_what_waits_for_a_slot_says_so_and_costs_no_writes() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(wide("busy", 2, lasts="30s"))
        await stage.until(lambda: len(stage.starts) == 2)
        await stage.apply(wide("waits", 50))
        await stage.until(lambda: stage.status("waits").get("reason") == "Quota")
        assert stage.gauge("zen_flow_jobflows_waiting", namespace="default", reason="Quota") == 1
        assert stage.gauge("zen_flow_concurrent_jobs", namespace="default") == 2
        writes = stage.server.writes()
        await asyncio.sleep(20)
        assert stage.server.writes() == writes
        assert {s.get("message") for s in stage.status("waits")["steps"]} == {None}

    play(scenario, max_concurrent_jobs=2)


def test_a_restart_counts_what_is_alive_before_it_starts_anything() -> None:
    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        await stage.apply(*(wide(f"f{i}", 5, lasts="20s") for i in range(3)))
        for _ in range(4):
            await stage.until(lambda: len(list(alive.now())) == 4)
            await stage.restart()
            await asyncio.sleep(7)
        await stage.ended("f0", "f1", "f2")
        assert alive.peak == 4

    play(scenario, max_concurrent_jobs=4)


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_start_without_an_answer_counts_until_it_is_known(how: str) -> None:
    """Also when nobody asks for it again: the flow is paused before the next try."""

    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        lost = Fault(lost="before" if how == "before" else "after")
        stage.server.faults = Rules().on(lost, client="operator", verb="create", name="f-s0-1")
        stage.server.watch_lag = 30.0
        await stage.apply(wide("f", 1, lasts="40s"))
        await asyncio.sleep(0.05)
        await stage.edit("f", executionPolicy={"parallelism": 0})
        await stage.apply(wide("g", 2))
        await stage.ended("g")
        assert alive.peak == 1
        stage.server.faults = Rules()
        await stage.edit("f", executionPolicy={"parallelism": 1})
        await stage.ended("f")
        assert alive.peak == 1

    play(scenario, max_concurrent_jobs=1)


def test_slots_come_back_whatever_becomes_of_an_attempt() -> None:
    """Deleted flows, vanished Jobs, refused Jobs, Jobs that are stopped: none keeps its slot."""

    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        await stage.apply(
            flow("deleted", step("a", pod=sim("never")), step("b", pod=sim("never"))),
            flow("late", step("a", pod=sim("never"), timeoutSeconds=5)),
            flow("lost", step("a", pod=sim("never"), retryPolicy={"onDisruption": {"limit": 0}})),
        )
        await stage.until(lambda: stage.job("deleted-a-1") is not None)
        await stage.delete("deleted")
        await stage.until(lambda: stage.job("lost-a-1") is not None)
        background = {"propagationPolicy": "Background"}
        await stage.call("DELETE", f"{JOBS}/lost-a-1", background)
        await stage.ended("late", "lost")
        await stage.until(lambda: not list(alive.now()))
        assert stage.gauge("zen_flow_concurrent_jobs") == 0
        await stage.apply(wide("last", 4))
        await stage.ended("last")
        assert alive.peak == 2

    play(scenario, max_concurrent_jobs=2)


def test_a_step_that_is_refused_costs_neither_its_flow_nor_others_their_turn() -> None:
    async def scenario(stage: Stage) -> None:
        stage.gate = Refusing(lambda name: name == "f-bad-1", 403, "a policy forbids it")
        good = [step(f"s{i}", pod=runs("3s")) for i in range(6)]
        await stage.apply(wide("g", 30))
        await stage.until(lambda: len(stage.starts) >= 2)
        await stage.apply(flow("f", step("bad"), *good))
        await stage.until(lambda: list(stage.phases("f").values()).count("Succeeded") == 6)
        assert len([name for name, _ in stage.starts if name.startswith("g")]) < 20
        await stage.ended("g")
        began = stage.server.clock.now() - min(at for _, at in stage.starts)
        assert began < (6 + 30) / 2 * 3 * 1.4  # no slot is kept for the step that may not start

    play(scenario, max_concurrent_jobs=2)


class Pods:
    """The most pods of the stage that ran or were about to, at any change of one."""

    def __init__(self, stage: Stage) -> None:
        self.most = 0
        self._live: set[str] = set()
        stage.server.storage.listeners.append(self._changed)

    def _changed(self, change: Change) -> None:
        if change.new.kind.plural == "pods":
            phase = change.new.obj.get("status", {}).get("phase")
            ended = change.deleted or phase in ("Succeeded", "Failed")
            name = change.new.metadata["name"]
            (self._live.discard if ended else self._live.add)(name)
            self.most = max(self.most, len(self._live))


@pytest.mark.parametrize("how", ["flow", "operator"])
@pytest.mark.parametrize("lost", [False, True])
def test_the_tasks_of_an_array_count_one_by_one(how: str, lost: bool) -> None:
    async def scenario(stage: Stage) -> None:
        pods = Pods(stage)
        if lost:
            fault = Fault(lost="after")
            stage.server.faults = Rules().on(
                fault, client="operator", verb="create", resource="jobs", nth=range(1, 12)
            )
        policy = {"parallelism": 6} if how == "flow" else {}
        big = step("a", pod=runs("3s"), array={"count": 40}, retryPolicy=retry(1))
        await stage.apply(flow("f", big, step("b"), executionPolicy=policy), wide("g", 2))
        await stage.ended("f", "g")
        assert stage.phase("f") == "Succeeded"
        assert pods.most == (6 if how == "operator" else 8)
        assert stage.step("f", "a")["tasks"]["summary"] == "40/40"

    play(scenario, max_concurrent_jobs=6 if how == "operator" else 0)


def test_a_lock_counts_the_tasks_of_an_array() -> None:
    async def scenario(stage: Stage) -> None:
        pods = Pods(stage)
        locks = [{"name": "gpu", "limit": 3}]
        tasks = step("a", pod=runs("2s"), array={"count": 10}, locks=locks)
        await stage.apply(flow("f", tasks), flow("g", tasks))
        await stage.ended("f", "g")
        assert pods.most == 3

    play(scenario)
