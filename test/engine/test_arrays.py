"""Arrays: tasks in batches, what a failed task costs, what follows task by task."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from engine.array_world import ArrayWorld, End
from engine.flows import START, flow, step
from jobflows.engine import (
    Attempt,
    AttemptRef,
    AttemptState,
    Cause,
    FlowPhase,
    Ledger,
    Observations,
    StartAttempt,
    StepPhase,
    StopAttempt,
    plan,
)
from jobflows.engine.indexes import IndexSet
from jobflows.engine.observations import TaskFailure
from jobflows.engine.task_status import read_indexes, write_indexes

OK: tuple[End, float] = ("ok", 1.0)


def array(name: str, needs: str = "", count: int = 10, **fields: Any) -> dict[str, Any]:
    keys = ("items", "itemsFrom", "matrix", "parallelism", "dependencyMode")
    own = {key: fields.pop(key) for key in keys if key in fields}
    how = own if own.keys() & {"items", "itemsFrom", "matrix"} else {"count": count, **own}
    return step(name, needs, array=how, **fields)


def test_all_tasks_go_out_in_one_job() -> None:
    world = ArrayWorld(flow(array("a"), step("b", "a"))).run()
    assert world.jobs("a") == ["0-9"]
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert str(world.tasks("a").succeeded) == "0-9"
    assert world.begun["b", 0] == [START + 1]


def test_an_array_of_a_hundred_thousand_needs_few_jobs_and_words() -> None:
    world = ArrayWorld(flow(array("a", count=100_000))).run()
    assert len(world.jobs("a")) == 10
    assert len(str(world.status)) < 1000


def test_scenario_10_an_empty_array_is_done_at_once() -> None:
    world = ArrayWorld(flow(array("a", count=0), step("b", "a"))).run()
    assert world.record("a").phase is StepPhase.SUCCEEDED
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_parallelism_is_never_exceeded_and_small_batches_wait() -> None:
    def script(_step: str, task: int, _ran: int) -> tuple[End, float]:
        return "ok", (1 + task % 7) / 8

    world = ArrayWorld(flow(array("a", count=100, parallelism=16)), script).run()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.most_live["a"] == 16
    assert len(world.jobs("a")) < 60


def test_where_little_becomes_free_there_are_still_few_jobs() -> None:
    def script(_step: str, task: int, _ran: int) -> tuple[End, float]:
        return "ok", 80 + task * 37 % 100  # of 100 that run about one ends a second

    world = ArrayWorld(flow(array("a", count=500, parallelism=100)), script).run()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.most_live["a"] == 100
    assert len(world.jobs("a")) < 100
    assert world.now - START < 130 * 500 / 100 + 180  # always full, and the last one the longest


def test_after_a_restart_what_is_free_is_used() -> None:
    def script(_step: str, task: int, _ran: int) -> tuple[End, float]:
        return "ok", 1.0 if task else 100.0

    world = ArrayWorld(flow(array("a", count=40, parallelism=8)), script).run(1.0)
    world.crash()
    world.run(20)
    assert str(world.tasks("a").succeeded) == "1-39"


def test_parallelism_of_zero_pauses_and_a_live_edit_goes_on() -> None:
    world = ArrayWorld(flow(array("a", parallelism=0))).run()
    assert world.jobs("a") == []
    assert world.record("a").phase is StepPhase.RUNNING
    world.flow = flow(array("a", parallelism=5))
    world.crash()
    world.run()
    assert world.most_live["a"] == 5
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_failed_tasks_are_tried_again_in_a_job_of_their_own() -> None:
    def script(_step: str, task: int, ran: int) -> tuple[End, float]:
        return ("fail", 1.0) if task in (3, 4, 8) and ran == 0 else OK

    world = ArrayWorld(flow(array("a", retries=1)), script).run()
    assert world.jobs("a") == ["0-9", "3-4,8"]
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.tasks("a").histories == {}


def test_a_back_off_of_tasks_that_a_clock_set_back_begins_anew_is_waited_for_again() -> None:
    def script(_step: str, task: int, ran: int) -> tuple[End, float]:
        return ("fail", 1.0) if task == 3 and ran == 0 else OK

    world = ArrayWorld(flow(array("a", retries=1, backoff={"duration": "60s"})), script).run(10)
    world.window = 0
    world.run(90)
    world.window = None
    world.now -= 30
    world.run()
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_task_without_retries_left_fails_the_step_after_all_others_had_their_turn() -> None:
    def script(_step: str, task: int, _ran: int) -> tuple[End, float]:
        return ("fail", 1.0) if task == 3 else OK

    world = ArrayWorld(flow(array("a", retries=2), step("b", "a")), script).run()
    assert world.times("a", 3) == 3
    assert str(world.tasks("a").failed) == "3"
    assert len(world.tasks("a").succeeded) == 9
    assert world.record("a").message.startswith("1 of 10 tasks failed: task 3: fail")
    assert world.record("b").phase is StepPhase.SKIPPED
    assert world.ledger.phase is FlowPhase.FAILED


def test_lost_tasks_do_not_eat_retries() -> None:
    def script(_step: str, task: int, ran: int) -> tuple[End, float]:
        return ("lost", 1.0) if task < 2 and ran < 3 else OK

    world = ArrayWorld(flow(array("a", retries=0, losses=3)), script).run()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.times("a", 0) == 4


def test_scenario_23_a_job_that_vanishes_costs_its_unfinished_tasks_one_loss() -> None:
    def script(_step: str, task: int, _ran: int) -> tuple[End, float]:
        return "ok", 1.0 + task

    world = ArrayWorld(flow(array("a", losses=1)), script)
    world.run(5.5)
    world.vanish("a", 1)
    world.run()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.times("a", 0) == 1
    assert world.times("a", 9) == 2


def test_retries_of_tasks_do_not_use_up_the_flow() -> None:
    def script(_step: str, _task: int, ran: int) -> tuple[End, float]:
        return ("fail", 1.0) if ran == 0 else OK

    world = ArrayWorld(flow(array("a", count=50, retries=1), backoffLimit=6), script).run()
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def inverse(step: str, task: int, _ran: int) -> tuple[End, float]:
    return "ok", {"b": 3.0 * (3 - task), "c": 1.0 + task}.get(step, 1.0)


def fork_and_join(**b: Any) -> Any:
    return flow(
        step("a"),
        array("b", "a", count=3, **b),
        array("c", "b", count=3, dependencyMode="Index"),
        step("d", "c"),
    )


def test_scenario_03_fork_join_each_follows_its_own() -> None:
    world = ArrayWorld(fork_and_join(), inverse).run()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    for task in range(3):
        assert world.begun["c", task][0] == pytest.approx(world.ended["b", task], abs=1.0)
    assert world.begun["c", 2][0] < world.ended["b", 0]
    assert world.begun["d", 0][0] >= max(world.ended["c", task] for task in range(3))


def test_scenario_04_fatal_branch_stops_only_what_follows_it() -> None:
    def script(step: str, task: int, ran: int) -> tuple[End, float]:
        return ("fail", 1.0) if (step, task) == ("b", 1) else inverse(step, task, ran)

    world = ArrayWorld(fork_and_join(retries=2), script).run()
    assert world.ledger.phase is FlowPhase.FAILED
    assert world.times("b", 1) == 3
    assert (str(world.tasks("b").succeeded), str(world.tasks("c").succeeded)) == ("0,2", "0,2")
    assert str(world.tasks("c").skipped) == "1"
    assert (world.times("c", 1), world.times("d", 0)) == (0, 0)


def test_scenario_05_retryable_branch() -> None:
    def script(step: str, task: int, ran: int) -> tuple[End, float]:
        return ("fail", 1.0) if (step, task, ran) == ("b", 1, 0) else inverse(step, task, ran)

    world = ArrayWorld(fork_and_join(retries=2), script).run()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert (world.times("b", 1), world.times("b", 0)) == (2, 1)


def test_a_long_row_of_followers_needs_few_jobs() -> None:
    def script(_step: str, task: int, _ran: int) -> tuple[End, float]:
        return "ok", 1.0 + task / 32

    world = ArrayWorld(
        flow(array("a", count=500), array("b", "a", count=500, dependencyMode="Index")), script
    ).run()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert len(world.jobs("b")) <= 20


@pytest.mark.parametrize("crash_every", [1, 3])
def test_crashes_start_no_task_twice(crash_every: int) -> None:
    def script(_step: str, task: int, ran: int) -> tuple[End, float]:
        return ("fail", 1.0) if task % 5 == 0 and ran == 0 else ("ok", 1.0 + task % 3)

    world = ArrayWorld(
        flow(array("a", count=30, parallelism=7, retries=1), array("b", "a", count=30, retries=1)),
        script,
    )
    for number in range(200):
        world.settle()
        if number % crash_every == 0:
            world.crash()
            world.settle()
        moment = world.next_moment()
        if world.ledger.phase.terminal or moment is None:
            break
        world.now = moment
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    for task in range(30):
        assert world.times("a", task) == (2 if task % 5 == 0 else 1)


def test_a_batch_waits_for_the_end_of_its_tasks_in_the_batch_before() -> None:
    """Its Job was made by an operator that knew more than this one: it is over, and counts."""
    compiled = flow(array("a", count=4, retries=1))
    begun = Attempt(
        number=1,
        state=AttemptState.RUNNING,
        ref=AttemptRef("f-a-1"),
        tasks=IndexSet.parse("0-3"),
        succeeded=IndexSet.parse("0,2"),
    )
    again = Attempt(
        number=2,
        state=AttemptState.SUCCEEDED,
        ref=AttemptRef("f-a-2"),
        tasks=IndexSet.parse("1,3"),
    )
    told = replace(
        begun, state=AttemptState.FAILED, failures=(TaskFailure(tasks=again.tasks, message="told"),)
    )
    ledger = Ledger()
    for first in (begun, told):
        answer = plan(compiled, ledger, Observations(attempts={0: (first, again)}), START)
        assert not answer.actions
        ledger = answer.ledger
    assert ledger.phase is FlowPhase.SUCCEEDED


def test_a_batch_that_ends_before_an_earlier_one_is_answered_is_not_repeated() -> None:
    compiled = flow(array("a", count=4))

    def batch(number: int, task: int, state: AttemptState) -> Attempt:
        tasks = IndexSet.of([task])
        succeeded = tasks if state is AttemptState.SUCCEEDED else IndexSet.of(())
        ref = AttemptRef(f"f-a-{number}", f"uid-{number}")
        return Attempt(number=number, state=state, ref=ref, tasks=tasks, succeeded=succeeded)

    first = (batch(1, 0, AttemptState.RUNNING),)
    ledger = plan(compiled, Ledger(), Observations(attempts={0: first}), START).ledger
    later = (
        batch(1, 0, AttemptState.SUCCEEDED),
        batch(2, 1, AttemptState.UNANSWERED),
        batch(3, 2, AttemptState.SUCCEEDED),
        batch(4, 3, AttemptState.RUNNING),
    )
    answer = plan(compiled, ledger, Observations(attempts={0: later}), START + 1000)
    starts = [action for action in answer.actions if isinstance(action, StartAttempt)]
    assert [(start.number, str(start.tasks)) for start in starts] == [(2, "1")]


def test_a_batch_that_can_never_run_is_stopped_until_it_is_gone() -> None:
    """Its tasks have ended, and nothing else would stop it again if the first time went wrong."""
    compiled = flow(array("a", count=2, parallelism=2))
    both = [
        Attempt(
            number=number,
            state=AttemptState.RUNNING,
            ref=AttemptRef(f"f-a-{number}", f"uid-{number}"),
            tasks=IndexSet.of([number - 1]),
        )
        for number in (1, 2)
    ]
    ledger = plan(compiled, Ledger(), Observations(attempts={0: both}), START).ledger
    lost = IndexSet.of([0])
    why = TaskFailure(tasks=lost, cause=Cause.CONFIGURATION, message="no image")
    seen = Observations(attempts={0: (replace(both[0], failures=(why,), stuck=lost), both[1])})
    for _ in range(2):
        answer = plan(compiled, ledger, seen, START)
        stops = [a.attempt.number for a in answer.actions if isinstance(a, StopAttempt)]
        assert (stops, len(answer.actions)) == ([1], 1)
        ledger = answer.ledger


def test_sets_of_indexes_read_what_kubernetes_writes() -> None:
    assert list(IndexSet.parse("1,3-5,7")) == [1, 3, 4, 5, 7]
    with pytest.raises(ValueError, match="ascending"):
        IndexSet.parse("3,1")


def test_fail_fast_starts_no_more_tasks_once_one_has_failed() -> None:
    def script(_step: str, task: int, _ran: int) -> tuple[End, float]:
        return ("fail", 1.0) if task == 0 else ("ok", 3.0)

    world = ArrayWorld(flow(array("a", parallelism=4), step("b"), failFast=True), script).run()
    assert world.ledger.phase is FlowPhase.FAILED
    assert sum(world.times("a", task) for task in range(10)) == 4
    assert str(world.tasks("a").skipped) == "4-9"


def _fails_once(step: str, task: int, ran: int) -> tuple[End, float]:
    return ("fail", 1.0) if step == "a" and task in (3, 7) and not ran else OK


def test_a_resumed_array_repeats_only_the_tasks_that_failed() -> None:
    flow_of_two = flow(array("a"), array("b", "a", dependencyMode="Index"), step("c", "b"))
    world = ArrayWorld(flow_of_two, _fails_once).run()
    assert world.ledger.phase is FlowPhase.FAILED
    world.now += 10
    world.resume = '{"id": "1"}'
    world.settle()
    world.crash()
    world.run()

    assert world.status["phase"] == "Succeeded"
    assert [world.times("a", task) for task in range(10)] == [1, 1, 1, 2, 1, 1, 1, 2, 1, 1]
    assert [world.times("b", task) for task in range(10)] == [1] * 10
    assert world.times("c", 0) == 1


def test_an_array_that_is_named_in_a_resume_runs_as_a_whole() -> None:
    world = ArrayWorld(flow(array("a", count=3), array("b", "a", count=2)), repeats=True).run()
    world.now += 10
    world.resume = '{"id": "1", "from": ["a"]}'
    world.run()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert [world.times("a", task) for task in range(3)] == [2, 2, 2]
    assert [world.times("b", task) for task in range(2)] == [2, 2]


def test_an_array_that_is_set_to_succeeded_lets_all_tasks_after_it_run() -> None:
    flow_of_two = flow(array("a"), array("b", "a", dependencyMode="Index"))
    world = ArrayWorld(flow_of_two, _fails_once).run()
    world.now += 10
    world.resume = '{"id": "1", "set": {"a": "Succeeded"}}'
    world.run()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert [world.times("a", task) for task in range(10)] == [1] * 10
    assert [world.times("b", task) for task in range(10)] == [1] * 10


def test_scenario_13_oom_growth_is_each_task_s_own() -> None:
    def script(_step: str, task: int, ran: int) -> tuple[End, float]:
        needs = {3: 1, 7: 2}.get(task, 0)
        return ("oom", 1.0) if ran < needs else OK

    policy = {"resources": {"memory": {"factor": 1.5}}}
    heavy = array("a", memory="100Mi", retries=2, policy=policy)
    world = ArrayWorld(flow(heavy), script).run(2.5)
    assert world.status["steps"][0]["tasks"]["retried"] == [  # type: ignore[index]
        {
            "tasks": "3,7",
            "outOfMemoryCount": 1,
            "resources": {"memory": "150Mi"},
            "nextRetryTime": "1970-01-12T13:46:42Z",
        }
    ]
    world.crash()
    world.run()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.jobs("a") == ["0-9", "3,7", "7"]
    asked = [world.resources["a", number].document() for number in (1, 2, 3)]
    assert asked == [{}, {"memory": "150Mi"}, {"memory": "225Mi"}]


def test_tasks_have_a_budget_for_each_cause() -> None:
    def script(_step: str, task: int, ran: int) -> tuple[End, float]:
        ends: tuple[End, ...] = ("oom", "fail", "lost", "oom", "fail", "ok")
        return ends[ran] if task == 0 else "ok", 1.0

    world = ArrayWorld(flow(array("a", retries=2)), script).run()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    world = ArrayWorld(flow(array("a", retries=1)), script).run()
    assert world.ledger.phase is FlowPhase.FAILED
    assert world.times("a", 0) == 4


def test_ten_thousand_tasks_that_fail_at_their_own_time_keep_the_status_small() -> None:
    count, largest = 10_000, 0

    def script(_step: str, task: int, _ran: int) -> tuple[End, float]:
        return "fail", 1.0 + task * 7919 % 40 * 25  # no two neighbours together

    policy = {"limit": 1, "backoff": {"type": "Fixed", "duration": "10m", "jitter": 0}}
    world = ArrayWorld(flow(array("a", count=count, retryPolicy=policy)), script)
    while not world.ledger.phase.terminal:
        world.settle()
        largest = max(largest, len(json.dumps(world.status)))
        world.now = world.next_moment() or world.now
    assert largest < 64_000
    assert len(world.jobs("a")) < 60
    assert world.ledger.phase is FlowPhase.FAILED
    assert "10000 of 10000 tasks failed: tasks 0,40,80," in world.ledger.message
    assert "): fail (after 1 retries)" in world.ledger.message


def test_a_set_without_neighbours_is_written_as_bits() -> None:
    alone = IndexSet.of(range(0, 100_000, 2))
    assert len(write_indexes(alone)) < 17_000
    assert read_indexes(write_indexes(alone)) == alone
    assert write_indexes(IndexSet.of(range(0, 100, 2))).startswith("0,2,4")
    assert write_indexes(IndexSet.span(0, 100_000)) == "0-99999"
    with pytest.raises(ValueError, match="base64"):
        read_indexes("base64:no bits")


def test_tasks_are_named_in_few_characters() -> None:
    assert IndexSet.span(0, 10_000).short(9) == "0-9999"
    assert IndexSet.of([1, 3, 5, 7, 9]).short(9) == "1,3,5,7,9"
    assert IndexSet.of([1, 3, 5, 7, 9, 11]).short(9) == "1,3,5,7,…"


@pytest.mark.parametrize("reads", ["a", "b"])
def test_what_reads_how_an_array_ended_waits_for_all_of_its_tasks(reads: str) -> None:
    def of(phase: str) -> dict[str, Any]:
        when = f"steps.{reads}.phase == '{phase}'"
        return {"dependencyMode": "Index", "count": 3, "when": when}

    world = ArrayWorld(
        flow(
            array("a", count=3),
            array("b", "a", count=3, dependencyMode="Index"),
            array("c", "b", **of("Succeeded")),
            array("d", "b", **of("Running")),
        ),
        inverse,
    ).run()
    assert world.record("c").phase is StepPhase.SUCCEEDED
    assert world.record("d").phase is StepPhase.SKIPPED
    assert world.begun["c", 2][0] >= max(world.ended[reads, task] for task in range(3))


def test_an_input_from_an_array_is_how_it_ended() -> None:
    follower = array(
        "c", "b", count=3, dependencyMode="Index", inputs={"how": {"jsonPath": "b:$.phase"}}
    )
    world = ArrayWorld(flow(array("b", count=3), follower), inverse).run()
    assert world.begun["c", 2][0] >= max(world.ended["b", task] for task in range(3))
