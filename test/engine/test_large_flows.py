"""The price of an event follows what changed, not the size of the flow."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flows import flow, step
from jobflows.dag import Graph
from jobflows.engine import (
    Attempt,
    AttemptRef,
    AttemptState,
    CompiledFlow,
    CompiledStep,
    FlowPhase,
    Ledger,
    Observations,
    Reason,
    StepPhase,
    StepRecord,
    plan,
    write_status,
)
from jobflows.engine.ready import Ready

WINDOW = 10


class Watched(Sequence[CompiledStep]):
    """The steps of a flow, and which of them were looked at."""

    def __init__(self, steps: Sequence[CompiledStep]) -> None:
        self._steps = steps
        self.touched: set[int] = set()

    def __getitem__(self, index: Any) -> Any:
        self.touched.add(index)
        return self._steps[index]

    def __iter__(self) -> Iterator[CompiledStep]:
        self.touched.update(range(len(self._steps)))
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)


def seen(state: AttemptState, *steps: int, changed: set[int] | None) -> Observations:
    attempts = {
        i: (Attempt(number=1, state=state, ref=AttemptRef(f"j{i}"), created=0.0),) for i in steps
    }
    return Observations(attempts=attempts, changed=changed, window=WINDOW)


WIDE = flow(*(step(f"s{i}") for i in range(500)))
CHAINS = flow(*(step(f"s{i}", f"s{i - 100}" if i >= 100 else "") for i in range(500)))


@pytest.mark.parametrize("compiled", [WIDE, CHAINS], ids=["wide", "chains"])
@pytest.mark.parametrize("state", [AttemptState.RUNNING, AttemptState.SUCCEEDED])
def test_an_event_costs_a_look_at_its_step_and_at_what_may_start(
    compiled: CompiledFlow, state: AttemptState
) -> None:
    ledger = plan(compiled, Ledger(), seen(state, changed=None), 1.0).ledger
    watched = Watched(compiled.steps)
    again = replace(compiled, steps=cast("tuple[CompiledStep, ...]", watched))

    answer = plan(again, ledger, seen(state, 7, changed={7}), 2.0)

    assert answer.ledger.steps[7].attempt == 1
    assert len(answer.actions) == WINDOW
    assert len(watched.touched) <= WINDOW + 2


def test_a_finished_flow_of_ten_thousand_steps_fits_into_its_object() -> None:
    pod = {"containers": [{"name": "main", "image": "busybox", "args": ["{{ arguments.x }}"]}]}
    work = {"name": "work", "template": {"spec": {"template": {"spec": pod}}}}
    names = [f"extract-region-{i:05d}" for i in range(10_000)]
    steps: list[dict[str, Any]] = [
        {"name": name, "templateRef": "work", "arguments": {"x": f"{i}"}}
        for i, name in enumerate(names)
    ]
    for step_, above in zip(steps[100:], names, strict=False):
        step_["dependencies"] = [above]
    large = flow(*steps, templates=[work])
    chance = random.Random(1)
    starts = [1e9 + i * 3.217 + chance.random() for i in range(10_000)]
    done = tuple(
        StepRecord(
            phase=StepPhase.SUCCEEDED,
            reason=Reason.COMPLETED,
            attempt=1,
            started=start,
            finished=start + chance.random() * 2000,
            job=AttemptRef("x", "0f0e8a3a-1111-2222-3333-444444444444"),
        )
        for start in starts
    )
    ledger = Ledger(phase=FlowPhase.SUCCEEDED, started=1e9, finished=2e9, steps=done)

    spec = len(json.dumps({"templates": [work], "steps": steps}, separators=(",", ":")))
    status = len(json.dumps(write_status(large, ledger, 2e9), separators=(",", ":")))

    assert status < 300_000
    assert spec + status < 1_500_000


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 19))))
def test_ready_steps_are_a_set_in_order_of_precedence(changes: list[tuple[bool, int]]) -> None:
    graph = Graph.build((f"s{i}", [f"s{i - 3}"] if i % 4 == 3 else []) for i in range(20))
    ready, plain = Ready(graph, [i % 3 for i in range(20)]), set[int]()
    for comes, i in changes:
        (ready.add if comes else ready.discard)(i)
        (plain.add if comes else plain.discard)(i)

    assert set(ready) == plain
    assert len(ready) == len(plain)
    assert list(ready) == sorted(plain, key=lambda i: (-graph.rank[i], i))
    assert list(ready.copy()) == list(ready)
    assert list(ready.walk({1})) == [i for i in ready if i % 3 != 1]
    assert [ready.behind(i) for i in range(20)] == [
        sum(graph.place[j] >= graph.place[i] and j % 3 == i % 3 for j in plain) for i in range(20)
    ]
    assert ready | {3} == plain | {3}


def test_a_copy_of_the_ready_steps_has_a_life_of_its_own() -> None:
    graph = Graph.build((f"s{i}", []) for i in range(6))
    ready = Ready(graph, [0, 1, 0, 1, 0, 1])
    for i in range(4):
        ready.add(i)
    copy, walk = ready.copy(), ready.walk(())
    assert next(walk) == 0
    ready.discard(1)
    ready.add(4)
    copy.add(5)
    assert (list(ready), list(copy), list(walk)) == ([0, 2, 3, 4], [0, 1, 2, 3, 5], [1, 2, 3])


def test_of_ten_thousand_that_wait_for_a_lock_the_first_is_looked_at() -> None:
    compiled = flow(*(step(f"s{i}", locks=[{"name": "db", "limit": 1}]) for i in range(500)))
    held = Attempt(
        number=1,
        state=AttemptState.RUNNING,
        ref=AttemptRef("j"),
        created=0.0,
        locks={"db": 1},
    )
    before = Observations(attempts={0: (held,)}, changed=None)
    answer = plan(compiled, Ledger(), before, 1.0)
    assert not answer.actions
    assert answer.waits.of(compiled, 0) is None
    waiting = answer.waits.of(compiled, 499)
    assert waiting is not None
    assert waiting.reason == Reason.LOCK
    assert [queue.length for queue in answer.waits.queues.values()] == [499]

    watched = Watched(compiled.steps)
    again = replace(compiled, steps=cast("tuple[CompiledStep, ...]", watched))
    plan(again, answer.ledger, replace(before, changed={0}), 2.0)
    assert len(watched.touched) <= 3


class WatchedAttempts(dict[int, Sequence[Attempt]]):
    """Attempts by step, and of which steps they were asked for."""

    def __init__(self, attempts: Mapping[int, Sequence[Attempt]]) -> None:
        super().__init__(attempts)
        self.touched: set[int] = set()

    def get(self, step: int, default: Any = None) -> Any:
        self.touched.add(step)
        return super().get(step, default)


def test_an_event_does_not_cost_a_look_at_all_that_runs() -> None:
    everything = range(len(WIDE.steps))
    running = seen(AttemptState.RUNNING, *everything, changed=None)
    ledger = plan(WIDE, Ledger(), running, 1.0).ledger
    (done,) = seen(AttemptState.SUCCEEDED, 7, changed={7}).attempts[7]
    attempts = WatchedAttempts({**running.attempts, 7: (done,)})

    answer = plan(WIDE, ledger, Observations(attempts=attempts, changed={7}, window=WINDOW), 2.0)

    assert answer.ledger.steps[7].phase is StepPhase.SUCCEEDED
    assert attempts.touched == {7}


def test_what_was_asked_for_is_known_from_one_plan_to_the_next() -> None:
    """A step is asked for as long as an attempt of it is seen and it is pending still."""
    started = plan(WIDE, Ledger(), seen(AttemptState.STARTING, 3, changed=None), 1.0).ledger
    assert started.frontier is not None
    assert started.frontier.asked == {3}
    assert _asked(started, seen(AttemptState.STARTING, 3, 4, changed={4})) == {3, 4}
    assert _asked(started, seen(AttemptState.RUNNING, 3, changed={3})) == set()
    assert _asked(started, seen(AttemptState.STARTING, changed={3})) == set()
    assert _asked(started, seen(AttemptState.UNANSWERED, 3, changed={3})) == {3}


def _asked(ledger: Ledger, now: Observations) -> set[int]:
    frontier = plan(WIDE, ledger, now, 2.0).ledger.frontier
    assert frontier is not None
    return frontier.asked
