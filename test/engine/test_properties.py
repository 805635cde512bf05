"""What holds for every flow, whatever happens to its Jobs, its events and its operator.

The checks of a single plan (deterministic, idempotent, the same from scratch, no timer missing or
late, final records untouched) are in `World.plan`; here are those of the whole run.
"""

from __future__ import annotations

import json
import random
from contextlib import nullcontext
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.random_flows import Case, cases
from engine.world import World
from jobflows.engine import (
    FAILURES_KEPT,
    FlowPhase,
    StepPhase,
    StopMode,
    StopRequest,
    alike,
)
from jobflows.engine.frontier import blocks_dependents

PROFILE = settings(
    max_examples=40,
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
        self.taken: tuple[str, float | None] = ("", None)
        self.runs: dict[str, int] = {}
        self.used = dict.fromkeys(world.flow.graph.names, 0)
        self.backoff_limit = world.flow.policy.backoff_limit

    def look(self) -> None:
        world, graph = self.world, self.world.flow.graph
        if (world.ledger.resume.id, world.ledger.resume.at) != self.taken:
            self._resumed()
        over = world.ledger.outcome is not None
        for name, _, _ in world.starts[self.seen :]:
            assert over == world.flow.steps[graph.index[name]].on_exit, f"{name}: not its time"
        assert not (self.ended and world.starts[self.seen :]), "started after the end"
        on_record = world.status.get("phase") in (FlowPhase.SUCCEEDED, FlowPhase.FAILED)
        self.ended = world.ledger.phase.terminal and on_record
        for name, _, _ in world.starts[self.seen :]:
            above = [(p, world.ledger.steps[p]) for p in graph.parents[graph.index[name]]]
            if world.record(name).started is None:
                assert all(record.phase.terminal for _, record in above), name
                assert not any(blocks_dependents(world.flow, p, r) for p, r in above), name
            assert name not in self.on_record, f"{name} was final and runs again"
        self.seen = len(world.starts)
        live = [job.step for job in world.jobs if job.is_live(world.now)]
        assert len(live) == len(set(live)), "two attempts of one step at once"
        for name, record in zip(graph.names, world.ledger.steps, strict=True):
            used = record.attempt - self.used.get(name, 0)
            assert used <= 1 + record.spent.counted + record.losses
            assert len(record.failures) <= FAILURES_KEPT
            numbers = [failed.number for failed in record.failures]
            assert numbers == sorted(set(numbers)), "an attempt failed twice"
        assert world.ledger.frontier is not None
        assert world.ledger.frontier.retries <= self.backoff_limit
        assert len(world.ledger.frontier.timers) <= 4 * len(graph) + 2
        told = world.status.get("resume") or {}
        assert self.runs.setdefault(told.get("id", ""), told.get("run", 1)) == told.get("run", 1)
        if alike.LARGE == 0:
            return  # what is said together moves from one entry to the other
        if told.get("id", "") != self.taken[0]:
            return  # a resume that is not on record yet
        for entry in world.status.get("steps", ()):
            if StepPhase(entry["phase"]).terminal:
                said = {key: value for key, value in entry.items() if key != "outdated"}
                assert self.on_record.setdefault(entry["name"], said) == said

    def _resumed(self) -> None:
        """Another run: what succeeded, and is not below a step that was named, stays as it is."""
        world, graph = self.world, self.world.flow.graph
        again = [graph.index[n] for n in json.loads(world.resume)["from"] if n in graph.index]
        for i in again:
            again += graph.children[i]
        repeated = {graph.names[i] for i in (*again, *world.flow.handlers)}
        self.taken = (world.ledger.resume.id, world.ledger.resume.at)
        self.ended = False
        self.on_record = {
            name: entry
            for name, entry in self.on_record.items()
            if entry["phase"] == "Succeeded" and name not in repeated
        }
        for name in set(graph.names) - self.on_record.keys():
            record = world.record(name)
            self.used[name] = record.attempt - (record.started is not None)


def run(
    case: Case,
    seed: int,
    *,
    troubles: float,
    then: Case | None = None,
    stop: StopRequest | None = None,
    resumes: float = 0.0,
) -> World:
    """Drive a flow through misfortune; all of it stops after a while, so that it can end.

    With `then` the flow is edited on its way until nothing but the names of its steps is the same.
    With `stop` a person ends it, and takes the request back some time after it was heard.
    `resumes` is the chance that somebody asks for a resume, each turn.
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
            if chance.random() < resumes:
                world.resume = json.dumps(_request(world, turn, chance))
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


def _request(world: World, turn: int, chance: random.Random) -> dict[str, object]:
    names = [*world.flow.graph.names, "nobody"]
    return {
        "id": str(turn),
        "mode": chance.choice(["hot", "cold"]),
        "from": chance.sample(names, chance.choice([0, 0, 1, 2]) % len(names)),
        "set": dict.fromkeys(chance.sample(names, chance.choice([0, 0, 0, 1])), "Succeeded"),
    }


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


@given(case=cases(), seed=st.integers(0, 2**32))
@PROFILE
@pytest.mark.parametrize("troubles", [0.0, 0.5])
def test_a_flow_that_is_resumed_at_any_moment_repeats_no_success_and_ends(
    case: Case, troubles: float, seed: int
) -> None:
    world = run(case, seed, troubles=troubles, resumes=0.15)

    assert world.ledger.phase in (FlowPhase.SUCCEEDED, FlowPhase.FAILED)
    assert all(record.phase.terminal for record in world.ledger.steps)
    assert world.flow_deleted is not None


@given(case=cases(), then=cases(), seed=st.integers(0, 2**32))
@PROFILE
@pytest.mark.parametrize("large", [False, True])
def test_a_flow_that_is_edited_and_resumed_ends(
    case: Case, then: Case, large: bool, seed: int
) -> None:
    with patch.multiple(alike, LARGE=0, MANY=2) if large else nullcontext():
        world = run(case, seed, troubles=0.3, then=then, resumes=0.15)

    assert world.ledger.phase in (FlowPhase.SUCCEEDED, FlowPhase.FAILED)
    assert all(record.phase.terminal for record in world.ledger.steps)


@given(case=cases())
@PROFILE
def test_looking_at_everything_each_time_comes_to_the_same(case: Case) -> None:
    plain, thorough = World(case.flow), World(case.flow)
    plain.scripts = thorough.scripts = case.scripts
    thorough.always_look_at_all = True

    assert thorough.finish().ledger == plain.finish().ledger
