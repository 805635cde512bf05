"""What holds for every flow, whatever happens to its Jobs, its events and its operator.

The checks of a single plan (deterministic, idempotent, the same from scratch, no timer missing or
late, final records untouched) are in `World.plan`; here are those of the whole run.
"""

from __future__ import annotations

import random
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.random_flows import Case, cases
from engine.world import World
from jobflows.engine import FlowPhase, StepPhase, StopMode, StopRequest, alike
from jobflows.engine.frontier import blocks_dependents

PROFILE = settings(
    max_examples=75,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Watcher:
    """Looks at a world after every plan and remembers what must not change."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen = 0
        self.on_record: dict[str, dict[str, object]] = {}
        self.ended = False
        self.backoff_limit = world.flow.policy.backoff_limit

    def look(self) -> None:
        world, graph = self.world, self.world.flow.graph
        over = world.ledger.outcome is not None
        for name, _, _ in world.starts[self.seen :]:
            assert over == world.flow.steps[graph.index[name]].on_exit, f"{name}: not its time"
        assert not (self.ended and world.starts[self.seen :]), "started after the end"
        self.ended = world.status.get("phase") in ("Succeeded", "Failed")
        for name, number, _ in world.starts[self.seen :]:
            above = [(p, world.ledger.steps[p]) for p in graph.parents[graph.index[name]]]
            if number == 1:
                assert all(record.phase.terminal for _, record in above), name
                assert not any(blocks_dependents(world.flow, p, r) for p, r in above), name
            assert name not in self.on_record, f"{name} was final and runs again"
        self.seen = len(world.starts)
        live = [job.step for job in world.jobs if job.is_live(world.now)]
        assert len(live) == len(set(live)), "two attempts of one step at once"
        for record in world.ledger.steps:
            assert record.attempt <= 1 + record.retries + record.losses
        total = sum(r.retries for r in world.ledger.steps[: world.flow.handlers.start])
        assert total <= self.backoff_limit
        assert world.ledger.frontier is not None
        assert len(world.ledger.frontier.timers) <= 4 * len(graph) + 2
        if alike.LARGE == 0:
            return  # what is said together moves from one entry to the other
        for entry in world.status.get("steps", ()):
            if StepPhase(entry["phase"]).terminal:
                assert self.on_record.setdefault(entry["name"], entry) == entry


def run(
    case: Case,
    seed: int,
    *,
    troubles: float,
    then: Case | None = None,
    stop: StopRequest | None = None,
) -> World:
    """Drive a flow through misfortune; all of it stops after a while, so that it can end.

    With `then` the flow is edited on its way until nothing but the names of its steps is the same.
    With `stop` a person ends it, and takes the request back some time after it was heard.
    """
    chance = random.Random(seed)
    world = World(case.flow)
    world.scripts = case.scripts
    watcher = Watcher(world)
    world.shows = lambda _: chance.random() >= troubles
    world.writes = lambda: chance.random() >= troubles
    edited_at, stopped_at = chance.randrange(20), chance.randrange(20)
    for turn in range(2000):
        if then is not None and turn == edited_at:
            watcher.backoff_limit = max(f.flow.policy.backoff_limit for f in (case, then))
            case = then
            world.edit(case.flow)
            world.scripts = {**world.scripts, **case.scripts}
        if stop is not None and turn == stopped_at:
            world.stop = stop
        elif world.status.get("phase") == "Failed":
            world.stop = None
        calm = turn > 60
        if calm:
            world.shows = lambda _: True
            world.writes = lambda: True
            world.creates_resources = True
            if world.flow.suspend:
                world.edit(case.flow)
        else:
            _misfortune(world, case, chance, troubles)
        if world.flow_deleted is not None:
            break
        wake_at = world.plan().wake_at
        watcher.look()
        if (wake_at is not None and wake_at <= world.now) or chance.random() < 0.3:
            continue  # the same moment again
        after = world.next_moment()
        if after is not None:
            world.now = after if calm or chance.random() < 0.7 else world.now + chance.random()
        elif world.ledger.phase.terminal:
            break
        else:
            world.now += 1
    return world


def _misfortune(world: World, case: Case, chance: random.Random, troubles: float) -> None:
    if chance.random() < troubles / 4:
        world.crash()
        world.resources_ready = False
    if chance.random() < troubles / 4:
        world.edit(case.flow if world.flow.suspend else case.suspended)
    if chance.random() < troubles / 2:
        world.window = chance.choice([1, 2, None])
        world.always_look_at_all = chance.random() < 0.3
        world.creates_resources = chance.random() < 0.8
    if chance.random() < 0.1:
        name = chance.choice(world.flow.graph.names)
        world.approvals[name] = chance.random() < 0.7


@given(case=cases(), seed=st.integers(0, 2**32))
@PROFILE
def test_a_flow_without_trouble_reaches_its_end(case: Case, seed: int) -> None:
    world = run(case, seed, troubles=0.0)

    assert world.ledger.phase in (FlowPhase.SUCCEEDED, FlowPhase.FAILED)
    assert all(record.phase.terminal for record in world.ledger.steps)
    assert world.flow_deleted is not None


@given(case=cases(), seed=st.integers(0, 2**32))
@PROFILE
def test_a_flow_reaches_its_end_through_lost_events_crashes_and_stale_statuses(
    case: Case, seed: int
) -> None:
    world = run(case, seed, troubles=0.5)

    assert world.ledger.phase in (FlowPhase.SUCCEEDED, FlowPhase.FAILED)
    assert all(record.phase.terminal for record in world.ledger.steps)
    assert world.flow_deleted is not None


@given(case=cases(), then=cases(), seed=st.integers(0, 2**32))
@PROFILE
def test_a_flow_reaches_its_end_with_a_status_as_large_flows_have_it(
    case: Case, then: Case, seed: int
) -> None:
    with patch.multiple(alike, LARGE=0, MANY=2):
        world = run(case, seed, troubles=0.5, then=then)

    assert world.ledger.phase in (FlowPhase.SUCCEEDED, FlowPhase.FAILED)
    assert all(record.phase.terminal for record in world.ledger.steps)


@given(case=cases(), then=cases(), seed=st.integers(0, 2**32))
@PROFILE
def test_a_flow_that_is_edited_on_its_way_reaches_its_end(
    case: Case, then: Case, seed: int
) -> None:
    world = run(case, seed, troubles=0.3, then=then)

    assert world.ledger.phase in (FlowPhase.SUCCEEDED, FlowPhase.FAILED)
    assert all(record.phase.terminal for record in world.ledger.steps)


@given(case=cases(), seed=st.integers(0, 2**32), mode=st.sampled_from(StopMode))
@PROFILE
def test_a_flow_that_is_stopped_on_its_way_ends_at_once(
    case: Case, seed: int, mode: StopMode
) -> None:
    world = run(case, seed, troubles=0.3, stop=StopRequest(mode, "by hand"))

    assert world.ledger.phase in (FlowPhase.SUCCEEDED, FlowPhase.FAILED)
    assert all(record.phase.terminal for record in world.ledger.steps)
    assert world.flow_deleted is not None


@given(case=cases())
@PROFILE
def test_looking_at_everything_each_time_comes_to_the_same(case: Case) -> None:
    plain, thorough = World(case.flow), World(case.flow)
    plain.scripts = thorough.scripts = case.scripts
    thorough.always_look_at_all = True

    assert thorough.finish().ledger == plain.finish().ledger
