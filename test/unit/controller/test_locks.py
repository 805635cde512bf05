"""Locks that flows share, on the API server model: who holds them is counted there."""

from __future__ import annotations

import asyncio
from typing import Any

from cluster_suite.flows import Object, flow, runs, sim, step
from model import kind_of
from unit.controller.alive import Alive
from unit.controller.stage import JOBS, Stage, play


def lock(*names: str, limit: int | None = None) -> list[Object]:
    bound = {} if limit is None else {"limit": limit}
    return [{"name": name, **bound} for name in names]


def works(name: str, *locks: str, lasts: str = "5s", limit: int | None = None) -> Object:
    """A step that holds locks for a while."""
    return step(name, pod=runs(lasts), locks=lock(*locks, limit=limit))


def started(stage: Stage) -> list[str]:
    return [name for name, _ in stage.starts]


def test_a_mutex_is_held_by_one_step_of_all_flows_and_blocks_no_other_step() -> None:
    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        names = [f"f{i}" for i in range(4)]
        for name in names:
            await stage.apply(flow(name, works("a", "db"), works("b", "db"), step("free")))
        await stage.until(lambda: all(stage.step(n, "free").get("phase") for n in names))
        await asyncio.sleep(3)
        free = {name for name in started(stage) if name.endswith("-free-1")}
        assert free == {f"{name}-free-1" for name in names}
        assert stage.gauge("zen_flow_jobflows_waiting", reason="Lock") == 4
        await stage.ended(*names)
        assert not alive.breaches
        spent = max(stage.server.clock.now() - at for _, at in stage.starts)
        assert 8 * 5 <= spent < 8 * 5 * 1.4
        for name in names:
            stage.once_each(name, "a", "b", "free")

    play(scenario)


def test_a_semaphore_lets_its_limit_in_and_the_smaller_of_two_limits_counts() -> None:
    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        wide = [works(f"s{i}", "gpu", limit=3, lasts=f"{5 + i}s") for i in range(6)]
        await stage.apply(flow("wide", *wide))
        await stage.until(lambda: len(stage.starts) == 3)
        await stage.apply(flow("narrow", works("a", "gpu", limit=1)))
        await stage.ended("wide", "narrow")
        assert alive.peaks["wide"] == 3
        assert not alive.breaches
        # One of the flow that waited longer goes first; then nobody passes the smaller limit.
        assert started(stage)[4] == "narrow-a-1"

    play(scenario)


def test_a_step_takes_all_its_locks_or_none_and_philosophers_do_not_starve() -> None:
    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        for i in range(5):
            forks = (f"fork{i}", f"fork{(i + 1) % 5}")
            meals = [works(f"meal{n}", *forks, lasts="2s") for n in range(3)]
            await stage.apply(flow(f"p{i}", *meals))
        await stage.ended(*(f"p{i}" for i in range(5)), seconds=60)
        assert not alive.breaches
        assert alive.peak == 2

    play(scenario)


def test_who_waited_longer_gets_the_lock_first_and_priority_comes_before() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("holds", works("a", "db")))
        await stage.until(lambda: len(stage.starts) == 1)
        for name, priority in (("one", 0), ("two", 0), ("urgent", 7), ("three", 0)):
            policy = {"priority": priority}
            await stage.apply(flow(name, works("a", "db"), executionPolicy=policy))
            await asyncio.sleep(0.5)
        await stage.ended("holds", "one", "two", "three", "urgent")
        assert started(stage) == [f"{n}-a-1" for n in ("holds", "urgent", "one", "two", "three")]

    play(scenario)


def test_a_restart_and_the_end_of_the_flow_do_not_free_a_lock_that_is_held() -> None:
    """The pod of a deleted flow takes its time to stop, and nobody else may come in before."""

    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        await stage.apply(flow("old", step("a", pod=sim("never"), locks=lock("db"))))
        await stage.until(lambda: any(p["status"]["phase"] == "Running" for p in stage.pods()))
        await stage.apply(flow("new", works("a", "db")))
        await stage.restart()
        await asyncio.sleep(5)
        assert started(stage) == ["old-a-1"]
        await stage.delete("old")
        await stage.until(lambda: len(stage.starts) == 2)
        assert not alive.breaches
        await stage.ended("new")

    play(scenario)


def test_editing_the_locks_of_a_step_that_runs_does_not_let_anyone_in() -> None:
    async def scenario(stage: Stage) -> None:
        alive = Alive(stage)
        await stage.apply(flow("f", works("a", "db"), works("b", "db")))
        await stage.until(lambda: len(stage.starts) == 1)
        held = started(stage)[0].split("-")[1]
        other = "b" if held == "a" else "a"
        without: dict[str, Any] = step(held, pod=runs("5s"))
        await stage.edit("f", steps=[without, works(other, "db")])
        await asyncio.sleep(3)
        assert len(stage.starts) == 1
        await stage.ended("f")
        assert not alive.breaches

    play(scenario)


def test_a_lock_comes_back_when_its_holder_vanishes() -> None:
    async def scenario(stage: Stage) -> None:
        lost = step("a", pod=sim("never"), locks=lock("db"))
        lost["retryPolicy"] = {"onDisruption": {"limit": 0}}
        await stage.apply(flow("lost", lost))
        await stage.until(lambda: stage.job("lost-a-1") is not None)
        await stage.apply(flow("next", works("a", "db")))
        await asyncio.sleep(1)
        await stage.call("DELETE", f"{JOBS}/lost-a-1", {"propagationPolicy": "Background"})
        await stage.ended("next", seconds=60)
        assert stage.phase("next") == "Succeeded"

    play(scenario)


def test_a_flow_whose_wish_is_cut_by_the_smaller_limit_of_another_is_told_once() -> None:
    words = (
        "lock gpu: this flow states limit 3, others state 1, and the smaller counts; "
        "write the same limit in all flows"
    )

    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("narrow", works("a", "gpu", limit=1, lasts="20s")))
        await stage.until(lambda: len(stage.starts) == 1)
        wide = [works(f"s{i}", "gpu", limit=3, lasts=f"{5 + i}s") for i in range(6)]
        await stage.apply(flow("wide", *wide))
        await stage.ended("narrow", "wide")
        await asyncio.sleep(10)
        said = stage.server.objects(kind_of("events"))
        told = [e for e in said if e["reason"] == "LockLimitLowered"]
        assert [(e["regarding"]["name"], e["type"], e["note"]) for e in told] == [
            ("wide", "Warning", words)
        ]
        assert "series" not in told[0]

    play(scenario)


def test_a_flow_that_only_waits_for_a_lock_says_which() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("holds", works("a", "db", lasts="20s")))
        await stage.until(lambda: len(stage.starts) == 1)
        await stage.apply(flow("waits", works("a", "db", limit=2)))
        await stage.until(lambda: stage.status("waits").get("reason") == "Lock")
        words = "waits for lock db of limit 2, and others state 1"
        assert stage.status("waits")["message"] == words
        await stage.ended("waits")

    play(scenario)
