"""The loop: time that jumps, repeats, and never waits for nothing."""

from __future__ import annotations

import asyncio
import time
from random import Random

import pytest

from model import Clock, DeadlockError, TimeLimitError, run


def test_a_day_of_sleep_takes_no_time() -> None:
    async def scenario(clock: Clock, random: Random) -> float:
        start = clock.now()
        await clock.sleep(86_400.0)
        return clock.now() - start

    before = time.perf_counter()
    assert run(scenario) == pytest.approx(86_400.0)
    assert time.perf_counter() - before < 1.0


def test_the_epoch_is_a_plausible_unix_time() -> None:
    async def scenario(clock: Clock, random: Random) -> float:
        return clock.now()

    assert run(scenario) == 1_700_000_000.0


def test_timers_fire_in_their_order_and_not_in_that_of_their_tasks() -> None:
    async def scenario(clock: Clock, random: Random) -> list[int]:
        seen: list[int] = []

        async def sleeper(seconds: int) -> None:
            await clock.sleep(seconds)
            seen.append(seconds)

        await asyncio.gather(*(sleeper(seconds) for seconds in (3, 1, 2)))
        return seen

    assert run(scenario) == [1, 2, 3]


def test_a_deadlock_names_the_task_that_waits() -> None:
    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    async def scenario(clock: Clock, random: Random) -> None:
        await asyncio.create_task(wait_for_ever(), name="the one who waits")

    with pytest.raises(DeadlockError, match="the one who waits"):
        run(scenario)


def test_endless_timers_meet_the_limit() -> None:
    async def scenario(clock: Clock, random: Random) -> None:
        while True:
            await clock.sleep(1.0)

    with pytest.raises(TimeLimitError, match="passed 60 virtual seconds"):
        run(scenario, limit_seconds=60)


def test_tasks_left_behind_are_cancelled_and_may_clean_up() -> None:
    seen: list[str] = []

    async def worker(clock: Clock) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await clock.sleep(5.0)
            seen.append("cleaned up")

    async def scenario(clock: Clock, random: Random) -> None:
        seen.append(asyncio.create_task(worker(clock)).get_name())
        await clock.sleep(1.0)

    run(scenario, limit_seconds=2.0)
    assert seen[-1] == "cleaned up"


def test_a_plain_callback_that_fails_fails_the_run() -> None:
    async def scenario(clock: Clock, random: Random) -> None:
        nothing: dict[str, None] = {}
        clock.call_later(1.0, lambda: nothing["missing"])
        await clock.sleep(2.0)

    with pytest.raises(KeyError, match="missing"):
        run(scenario)


def test_a_seed_decides_what_is_random() -> None:
    async def scenario(clock: Clock, random: Random) -> float:
        return random.random()

    assert run(scenario, seed=1) == run(scenario, seed=1) != run(scenario, seed=2)
