"""Timers: the operator sleeps until the next moment that matters, and no timer piles up."""

from __future__ import annotations

import pytest

from engine.flows import flow, step
from engine.outcomes import fail, hang, succeed
from engine.world import World

BUSY = flow(
    step("a", timeout=500, job_ttl=100),
    step("b", retries=3, backoff={"duration": "10m"}),
    step("c", timeout=500),
    step("ask", manual=True, timeoutSeconds=500),
    activeDeadlineSeconds=5000,
)


def timers(world: World) -> int:
    assert world.ledger.frontier is not None
    return len(world.ledger.frontier.timers)


@pytest.mark.parametrize("everything", [True, False])
def test_thousands_of_plans_leave_no_more_timers_than_there_are_moments(everything: bool) -> None:
    world = World(BUSY, b=fail(), c=hang(), a=succeed(30)).run(50)
    world.always_look_at_all = everything
    for _ in range(1000):
        world.now += 1 / 16
        world.plan()

    assert timers(world) <= 2 * len(BUSY.steps)


def test_a_finished_flow_keeps_one_timer() -> None:
    world = World(flow(step("a", timeout=500))).finish()
    world.always_look_at_all = True
    for _ in range(1000):
        world.now += 1
        world.plan()

    assert timers(world) <= 2


def test_nothing_wakes_a_flow_that_only_waits_for_a_person() -> None:
    world = World(flow(step("ask", manual=True))).run(0)

    assert world.last is not None
    assert world.last.wake_at is None


def test_a_look_that_was_asked_for_happens_once_and_not_for_ever() -> None:
    world = World(flow(step("a")), a=hang(recheck=3)).run(1)
    assert world.last is not None
    assert world.last.wake_at == world.now + 2

    world.run(100)
    assert world.last.wake_at is None


def test_a_back_off_that_a_clock_set_back_begins_anew_is_waited_for_again() -> None:
    """Found by `make simulate`, seed 4433: its timer was used up, and the step waited for ever."""
    again = step("a", retries=1, backoff={"duration": "60s"})
    world = World(flow(again), a=[fail(after=1), succeed()]).run(10)
    world.quota = 0
    world.run(90)
    world.quota = None
    world.now -= 60
    world.finish()

    assert world.phases == {"a": "Succeeded"}
