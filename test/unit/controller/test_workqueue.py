"""The queue: one key once, the urgent ones first, one worker a key, and waits that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from jobflows.controller.workqueue import BACKOFF_CAP, DEAD_TIMERS, Priority, WorkQueue
from load.leftovers import sizes
from model import Clock, run

Scenario = Callable[[WorkQueue, Clock], Awaitable[None]]


def play(scenario: Scenario) -> None:
    async def main(clock: Clock, rng: Random) -> None:
        await scenario(WorkQueue(rng), clock)

    run(main)


async def take(queue: WorkQueue) -> str:
    taken = await queue.get()
    assert taken is not None
    return taken[0]


async def silence(queue: WorkQueue, seconds: float) -> None:
    """Assert that nothing comes for so long."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), seconds)


def test_a_key_added_many_times_comes_once() -> None:
    async def scenario(queue: WorkQueue, clock: Clock) -> None:
        for _ in range(5):
            queue.add("a")
        assert len(queue) == 1
        assert await take(queue) == "a"
        queue.done("a")
        await silence(queue, 10)
        assert queue.stats.adds == 1

    play(scenario)


def test_the_more_urgent_key_comes_first_and_a_waiting_key_can_become_urgent() -> None:
    async def scenario(queue: WorkQueue, clock: Clock) -> None:
        queue.add("resync", Priority.RESYNC)
        queue.add("event", Priority.EVENT)
        queue.add("user", Priority.USER)
        queue.add("later urgent", Priority.RESYNC)
        queue.add("later urgent", Priority.USER)
        queue.add("user", Priority.RESYNC)  # stays urgent
        got = [await take(queue) for _ in range(4)]
        assert got == ["user", "later urgent", "event", "resync"]
        assert len(queue) == 0

    play(scenario)


def test_a_key_in_work_is_given_to_nobody_else_and_comes_back_if_it_was_added() -> None:
    async def scenario(queue: WorkQueue, clock: Clock) -> None:
        queue.add("a")
        assert await take(queue) == "a"
        queue.add("a", Priority.EVENT)
        queue.add("a", Priority.USER)
        queue.add("b", Priority.EVENT)
        assert await take(queue) == "b"
        await silence(queue, 5)
        queue.done("a")
        assert await take(queue) == "a"
        queue.done("a")
        queue.done("b")
        await silence(queue, 5)

    play(scenario)


def test_a_worker_that_waits_is_woken() -> None:
    async def scenario(queue: WorkQueue, clock: Clock) -> None:
        workers = [asyncio.create_task(take(queue)) for _ in range(3)]
        await asyncio.sleep(1)
        for key in "abc":
            queue.add(key)
        assert sorted(await asyncio.gather(*workers)) == ["a", "b", "c"]

    play(scenario)


def test_a_delayed_key_comes_at_its_time_and_the_earliest_wish_counts() -> None:
    async def scenario(queue: WorkQueue, clock: Clock) -> None:
        loop = asyncio.get_running_loop()
        queue.add_at("a", loop.time() + 60)
        queue.add_at("a", loop.time() + 30)
        queue.add_at("a", loop.time() + 90)
        queue.add_at("b", loop.time() + 45)
        await silence(queue, 29)
        assert await take(queue) == "a"
        assert loop.time() == pytest.approx(30)
        queue.done("a")
        assert await take(queue) == "b"
        assert loop.time() == pytest.approx(45)
        queue.done("b")
        await silence(queue, 600)

    play(scenario)


def test_back_off_doubles_to_a_cap_with_jitter_and_ends_with_a_success() -> None:
    async def scenario(queue: WorkQueue, clock: Clock) -> None:
        waits = [queue.retry("a") for _ in range(20)]
        for count, wait in enumerate(waits):
            ceiling = min(BACKOFF_CAP, 0.05 * 2**count)
            assert ceiling / 2 <= wait <= ceiling
        assert queue.retry("b") <= 0.05
        queue.forgive("a")
        assert queue.retry("a") <= 0.05
        assert queue.stats.retries == 22

    play(scenario)


def test_a_forgotten_key_is_not_brought_back_by_a_timer() -> None:
    async def scenario(queue: WorkQueue, clock: Clock) -> None:
        loop = asyncio.get_running_loop()
        queue.add_at("a", loop.time() + 10)
        queue.retry("b")
        queue.add("c")
        assert await take(queue) == "c"
        queue.add("c")
        for key in "abc":
            queue.forget(key)
        queue.done("c")
        await silence(queue, 100)

    play(scenario)


def test_timers_of_forgotten_keys_are_not_kept_until_their_time() -> None:
    async def scenario(queue: WorkQueue, clock: Clock) -> None:
        in_a_day = asyncio.get_running_loop().time() + 86_400
        queue.add_at("stays", in_a_day)
        for number in range(1000):
            queue.add_at(str(number), in_a_day)
            queue.forget(str(number))
            queue.add_at("comes sooner each time", in_a_day - number)
        assert sizes(queue)["_due"] <= 2 * 2 + DEAD_TIMERS
        assert await take(queue) == "comes sooner each time"
        assert await take(queue) == "stays"
        await silence(queue, 100_000)

    play(scenario)


def test_a_closed_queue_sends_everybody_home() -> None:
    async def scenario(queue: WorkQueue, clock: Clock) -> None:
        waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
        await asyncio.sleep(0)
        queue.close()
        assert await asyncio.gather(*waiting) == [None, None, None]
        queue.add("a")
        queue.add_at("b", 0.0)
        assert await queue.get() is None

    play(scenario)


def test_a_worker_that_is_cancelled_takes_no_key_with_it() -> None:
    async def scenario(queue: WorkQueue, clock: Clock) -> None:
        first = asyncio.create_task(take(queue))
        second = asyncio.create_task(take(queue))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        queue.add("a")
        assert await second == "a"

    play(scenario)


def test_the_time_in_the_queue_is_told() -> None:
    async def scenario(queue: WorkQueue, clock: Clock) -> None:
        queue.add("a")
        await asyncio.sleep(3)
        taken = await queue.get()
        assert taken is not None
        assert taken[1] == pytest.approx(3)
        assert queue.working == {"a": pytest.approx(3)}

    play(scenario)
