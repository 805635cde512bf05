"""How many steps one plan starts, and which first."""

from __future__ import annotations

import pytest

from engine.flows import flow, step
from engine.outcomes import hang
from engine.world import World
from jobflows.engine import FlowPhase, StartAttempt

WIDE = flow(*(step(f"s{i}") for i in range(10)))


def started(world: World) -> list[str]:
    actions = world.plan().actions
    names = world.flow.graph.names
    return [names[a.step] for a in actions if isinstance(a, StartAttempt)]


def test_a_plan_starts_no_more_than_its_window_and_the_next_goes_on() -> None:
    world = World(WIDE, **{f"s{i}": hang() for i in range(10)})
    world.window = 4

    assert started(world) == ["s0", "s1", "s2", "s3"]
    assert started(world) == ["s4", "s5", "s6", "s7"]
    assert started(world) == ["s8", "s9"]
    assert started(world) == []


def test_without_a_window_all_that_is_ready_starts() -> None:
    assert len(started(World(WIDE))) == 10


def test_the_longest_remaining_path_goes_first() -> None:
    steps = (step("leaf"), step("c", "b"), step("b", "a"), step("a"), step("y", "x"), step("x"))
    world = World(flow(*steps))
    world.window = 2

    assert started(world) == ["a", "x"]
    assert started(world) == ["leaf"]


@pytest.mark.parametrize("window", [1, 3, None])
def test_every_window_comes_to_the_same_end(window: int | None) -> None:
    steps = [step(f"s{i}") for i in range(5)] + [step("skip", when="never"), step("end", "s0 skip")]
    world = World(flow(*steps))
    world.window = window
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert len(world.starts) == 6


def test_a_start_is_asked_for_until_it_is_seen() -> None:
    world = World(flow(step("a")))
    world.shows = lambda _: False
    world.look_at_all = False

    assert [started(world) for _ in range(3)] == [["a"]] * 3
    assert len(world.starts) == 1
