"""Limits within one flow: parallelism, templates, locks, and what the operator leaves to it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.flows import flow, step
from engine.outcomes import blocked, fail, hang, succeed
from engine.random_flows import Case, cases
from engine.world import World
from jobflows.engine import (
    Attempt,
    AttemptRef,
    AttemptState,
    CompiledFlow,
    FlowPhase,
    Ledger,
    LockUse,
    Observations,
    Reason,
    StartAttempt,
    Waiting,
    plan,
)

NAMES = [f"s{i}" for i in range(20)]


def wide(count: int = 20, **policy: Any) -> CompiledFlow:
    return flow(*(step(name) for name in NAMES[:count]), **policy)


def lock(name: str, limit: int = 1) -> dict[str, Any]:
    return {"name": name, "limit": limit}


def live(world: World) -> list[str]:
    return [job.step for job in world.jobs if job.is_live(world.now)]


def started(world: World) -> list[str]:
    """What one plan starts."""
    names = world.flow.graph.names
    return [names[a.step] for a in world.plan().actions if isinstance(a, StartAttempt)]


def waits(world: World, name: str) -> Waiting | None:
    assert world.last is not None
    return world.last.waits.of(world.flow, world.flow.graph.index[name])


def run_and_watch(world: World) -> int:
    """Run to the end; returns how many attempts were live at once, at most."""
    most = 0
    while not world.ledger.phase.terminal:
        world.tick()
        most = max(most, len(live(world)))
        world.now = world.next_moment() or world.now + 1
    return most


def test_scenario_19_never_more_tasks_than_parallelism() -> None:
    scripts = {name: succeed(1 + i % 3) for i, name in enumerate(NAMES)}
    world = World(wide(parallelism=2), **scripts)

    assert run_and_watch(world) == 2
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert len(world.starts) == 20


def test_scenario_19_zero_pauses_and_what_runs_goes_on() -> None:
    world = World(wide(parallelism=3), **{name: succeed(2) for name in NAMES})
    world.run(3)
    running = live(world)
    assert len(running) == 3

    world.edit(wide(parallelism=0))
    world.run(60)
    assert live(world) == []
    assert len(world.starts) == 6
    assert not world.stopped
    assert world.ledger.phase is FlowPhase.PAUSED
    assert world.ledger.reason == Reason.PARALLELISM

    world.edit(wide(parallelism=5))
    assert run_and_watch(world) == 5
    assert set(world.phases.values()) == {"Succeeded"}


def test_lowering_the_limit_stops_nothing_and_starts_nothing() -> None:
    world = World(wide(parallelism=6), **{name: succeed(i + 1) for i, name in enumerate(NAMES)})
    world.run(0)
    assert len(live(world)) == 6
    world.edit(wide(parallelism=2))
    world.run(4.5)
    assert not world.stopped
    assert len(world.starts) == 6
    world.run(1)
    assert len(world.starts) == 7


def test_scenario_19_a_template_caps_its_own_steps_only() -> None:
    pod = {"containers": [{"name": "main", "image": "busybox"}]}
    small = {"name": "small", "parallelism": 2, "template": {"spec": {"template": {"spec": pod}}}}
    of_template = [{"name": f"t{i}", "templateRef": "small"} for i in range(6)]
    built = flow(*of_template, *(step(f"o{i}") for i in range(6)), templates=[small])
    world = World(built, **{s.name: succeed(2) for s in built.steps})
    world.run(0)
    assert sorted(live(world)) == ["o0", "o1", "o2", "o3", "o4", "o5", "t0", "t1"]
    assert waits(world, "t2") == Waiting(
        Reason.PARALLELISM, "parallelism of template small is reached"
    )
    while not world.ledger.phase.terminal:
        world.tick()
        assert sum(name.startswith("t") for name in live(world)) <= 2
        world.now = world.next_moment() or world.now + 1
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_stopping_attempt_keeps_its_place_until_it_is_gone() -> None:
    late = step("a", timeout=2)
    world = World(flow(late, step("b"), parallelism=1), a=hang(stopping=5.0))
    world.finish()
    assert world.started_at("b") == [7.0]


def test_a_step_that_was_removed_keeps_its_place_until_it_is_gone() -> None:
    world = World(flow(step("a"), step("b"), parallelism=1), a=hang(stopping=5.0))
    world.run(1)
    world.edit(flow(step("b"), parallelism=1))
    world.run(4)
    assert [name for name, _ in world.stopped] == ["flow-a-1"]
    assert world.started_at("b") == []
    world.finish()
    assert world.started_at("b") == [6.0]


def test_a_refused_start_takes_no_room() -> None:
    world = World(flow(step("a"), step("b"), parallelism=1), a=blocked(3))
    world.finish()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.started_at("b") < world.started_at("a")


def test_people_are_asked_however_full_it_is() -> None:
    steps = [step("a"), step("b"), step("ask", manual=True)]
    world = World(flow(*steps, parallelism=1), a=hang())
    world.run(1)
    assert world.phases["ask"] == "PendingApproval"
    assert live(world) == ["a"]


@pytest.mark.parametrize("quota", [0, 1, 4])
def test_a_plan_takes_what_the_operator_leaves_to_it(quota: int) -> None:
    world = World(wide(6))
    world.quota = quota
    assert len(started(world)) == quota
    assert world.last is not None
    waiting = world.last.waits
    assert waiting.rest == Waiting(Reason.QUOTA, "the operator's limit of Jobs at once is reached")
    assert waiting.others == 6 - quota


def test_a_flow_of_which_nothing_runs_says_what_it_waits_for() -> None:
    world = World(wide(3))
    world.quota = 0
    world.run(1)
    assert (world.ledger.phase, world.ledger.reason) == (FlowPhase.RUNNING, Reason.QUOTA)
    world.quota = 1
    world.plan()
    world.quota = 0
    world.run(1)
    assert world.ledger.reason != Reason.QUOTA or not live(world)


def test_the_window_is_no_reason_to_wait() -> None:
    world = World(wide(6))
    world.window = 2
    assert len(started(world)) == 2
    assert world.last is not None
    assert world.last.waits.first is None


def test_a_mutex_is_held_by_one_and_the_others_do_not_wait_for_it() -> None:
    steps = [step(name, locks=[lock("db")]) for name in NAMES[:4]]
    world = World(flow(*steps, step("free")), **{name: succeed(2) for name in NAMES[:4]})
    world.run(0)
    assert live(world) == ["s0", "free"]
    assert waits(world, "s1") == Waiting(Reason.LOCK, "waits for lock db of limit 1")
    assert world.run(1).record("free").phase.terminal
    world.finish()
    assert [world.started_at(name) for name in NAMES[:4]] == [[0.0], [2.0], [4.0], [6.0]]


def test_a_semaphore_lets_in_as_many_as_its_limit() -> None:
    steps = [step(name, locks=[lock("gpu", 3)]) for name in NAMES]
    world = World(flow(*steps), **{name: succeed(1 + i % 2) for i, name in enumerate(NAMES)})
    assert run_and_watch(world) == 3


def test_all_locks_or_none() -> None:
    both = step("both", locks=[lock("x"), lock("y")])
    steps = [step("x", locks=[lock("x")]), both, step("y", locks=[lock("y")])]
    world = World(flow(*steps), x=succeed(5), both=succeed(1), y=succeed(1))
    world.run(0)
    assert live(world) == ["x", "y"]
    world.finish()
    assert world.started_at("both") == [5.0]


@pytest.mark.parametrize(
    ("taken", "limit", "own", "goes"),
    [(1, 1, 1, False), (1, 2, 2, True), (1, 2, 1, False), (2, 2, 3, False), (0, 9, 1, True)],
)
def test_what_other_flows_hold_counts_and_the_smaller_limit_holds(
    taken: int, limit: int, own: int, goes: bool
) -> None:
    world = World(flow(step("a", locks=[lock("db", own)])))
    world.locks = {"db": LockUse(taken, limit)}
    assert bool(started(world)) is goes
    if not goes and limit < own:
        assert world.last is not None
        waiting = world.last.waits.first
        assert waiting is not None
        assert "others state 2" in waiting.message


def test_locks_are_held_as_they_were_taken_whatever_the_spec_says_now() -> None:
    locked = [step(name, locks=[lock("db")]) for name in ("a", "b")]
    world = World(flow(*locked), a=succeed(5))
    world.run(1)
    world.edit(flow(step("a"), locked[1]))
    world.run(2)
    assert live(world) == ["a"]
    world.finish()
    assert world.started_at("b") == [5.0]


def test_a_retry_takes_its_locks_anew() -> None:
    steps = [
        step("a", locks=[lock("db")], retries=1, backoff={"type": "Fixed", "duration": "4s"}),
        step("b", locks=[lock("db")]),
    ]
    world = World(flow(*steps), a=[fail(1, 1), succeed(1)], b=succeed(6))
    world.finish()
    assert world.started_at("b") == [1.0]
    assert world.started_at("a") == [0.0, 7.0]


def unanswered(name: str = "a", **locks: int) -> Attempt:
    ref = AttemptRef(f"flow-{name}-1")
    return Attempt(number=1, state=AttemptState.UNANSWERED, ref=ref, locks=locks)


@pytest.mark.parametrize(("parallelism", "asked"), [(1, ["a"]), (2, ["a", "b"]), (0, [])])
def test_a_start_without_an_answer_keeps_its_place_and_is_asked_for_again(
    parallelism: int, asked: list[str]
) -> None:
    built = flow(step("a"), step("b"), step("c", "b"), parallelism=parallelism)
    seen = Observations(attempts={0: (unanswered(),)})
    answer = plan(built, Ledger(), seen, 1_000_000.0)
    names = [built.graph.names[a.step] for a in answer.actions if isinstance(a, StartAttempt)]
    assert sorted(names) == asked


def test_a_start_without_an_answer_holds_its_locks() -> None:
    built = flow(step("a", locks=[lock("db")]), step("b", locks=[lock("db")]))
    seen = Observations(attempts={0: (unanswered(db=1),)})
    answer = plan(built, Ledger(), seen, 1_000_000.0)
    assert [a.step for a in answer.actions if isinstance(a, StartAttempt)] == [0]


PROFILE = settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@given(case=cases(), seed=st.integers(0, 2**32))
@PROFILE
def test_no_limit_is_exceeded_whatever_happens(case: Case, seed: int) -> None:
    """Edits of the limit, crashes, late news: no plan starts more than there is room for."""
    chance = random.Random(seed)
    limit = chance.randint(1, 3)
    world = World(case.limited(limit))
    world.scripts = case.scripts
    world.knows_own_starts = True
    world.shows = lambda _: chance.random() >= 0.3
    for turn in range(600):
        if world.flow_deleted is not None:
            break
        if turn > 60:
            world.shows = lambda _: True
            world.approvals = dict.fromkeys(world.flow.graph.names, True)
            if not limit:
                limit = 1
                world.edit(case.limited(limit))
        elif chance.random() < 0.1:
            limit = chance.randint(0, 3)
            world.edit(case.limited(limit))
        elif chance.random() < 0.05:
            world.crash()
        before, running = len(world.starts), len(live(world))
        wake_at = world.plan().wake_at
        if len(world.starts) > before:
            assert len(live(world)) <= limit
        assert len(live(world)) <= max(limit, running)
        _check_locks(world)
        if len(world.starts) > before or (wake_at is not None and wake_at <= world.now):
            continue
        world.now = world.next_moment() or world.now + 1
    assert world.flow_deleted is not None, world.phases


def _check_locks(world: World) -> None:
    holders = [job for job in world.jobs if job.is_live(world.now)]
    for name in world.flow.lock_names:
        stated = [job.locks[name] for job in holders if name in job.locks]
        assert len(stated) <= min(stated, default=0)
