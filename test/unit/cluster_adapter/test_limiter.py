"""Rate, concurrency, fairness and politeness of writes, on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from jobflows.cluster import Limiter
from unit.cluster_adapter.scripted import on_virtual_time


async def _use(limiter: Limiter, count: int, seconds: float = 0.0) -> list[tuple[int, float]]:
    """`count` tasks at once; answers (task, time of entering) in the order of entering."""
    loop = asyncio.get_running_loop()
    entered: list[tuple[int, float]] = []

    async def one(number: int) -> None:
        async with limiter:
            entered.append((number, loop.time()))
            await asyncio.sleep(seconds)

    await asyncio.gather(*(one(number) for number in range(count)))
    return entered


def test_a_burst_passes_at_once_and_the_rest_at_the_rate() -> None:
    entered = on_virtual_time(lambda: _use(Limiter(qps=10, burst=5), 25))
    times = [time for _, time in entered]
    assert times[4] == 0.0
    assert times[5] == pytest.approx(0.1)
    assert times[24] == pytest.approx(2.0)


def test_first_come_first_served() -> None:
    entered = on_virtual_time(lambda: _use(Limiter(qps=7, burst=2, in_flight=3), 40, seconds=0.4))
    assert [number for number, _ in entered] == list(range(40))


def test_no_more_requests_in_flight_than_allowed() -> None:
    entered = on_virtual_time(lambda: _use(Limiter(in_flight=4), 12, seconds=1.0))
    assert [time for _, time in entered] == [0.0] * 4 + [1.0] * 4 + [2.0] * 4


def test_without_limits_everything_passes_at_once() -> None:
    entered = on_virtual_time(lambda: _use(Limiter(qps=0), 1000))
    assert {time for _, time in entered} == {0.0}


def test_a_429_pauses_all_then_runs_at_half_the_rate_and_recovers() -> None:
    async def scenario() -> tuple[list[float], float]:
        limiter = Limiter(qps=10, burst=1)
        await _use(limiter, 1)
        for _ in range(20):  # one overload hits many requests
            limiter.throttled(3.0)
        assert limiter.factor == 0.5
        times = [time for _, time in await _use(limiter, 5)]
        await asyncio.sleep(30)
        await _use(limiter, 1)
        return times, limiter.factor

    times, factor = on_virtual_time(scenario)
    assert times[0] >= 3.0
    assert times[4] - times[1] > 0.5
    assert factor == 1.0


def test_a_cancelled_waiter_loses_its_place_only() -> None:
    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        limiter = Limiter(in_flight=1)
        holder = asyncio.create_task(_use(limiter, 1, seconds=1.0))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(_use(limiter, 1))
        next_one = asyncio.create_task(_use(limiter, 1))
        await asyncio.sleep(0.5)
        assert limiter.waiting == 2
        waiting.cancel()
        await asyncio.wait({holder, waiting, next_one})
        assert limiter.in_flight == limiter.waiting == 0
        return [loop.time()]

    assert on_virtual_time(scenario) == [1.0]


def test_a_waiter_cancelled_as_it_is_admitted_gives_its_slot_on() -> None:
    async def scenario() -> None:
        limiter = Limiter(qps=1000, burst=1000, in_flight=1)
        await limiter.__aenter__()
        admitted = asyncio.create_task(_use(limiter, 1))
        after = asyncio.create_task(_use(limiter, 1))
        await asyncio.sleep(1)
        assert limiter.waiting == 2
        await limiter.__aexit__(None, None, None)  # admits the first waiter
        admitted.cancel()
        await asyncio.wait_for(after, 1.0)
        assert limiter.in_flight == 0

    on_virtual_time(scenario)
