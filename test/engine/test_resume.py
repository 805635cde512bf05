"""Resume and rerun: what runs again, what keeps its result, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from engine.flows import START, flow, step
from engine.outcomes import Outcome, blocked, evicted, fail, hang, out_of_memory, succeed
from engine.world import World
from jobflows.engine import AttemptRef, CompiledFlow, FlowPhase, Peer, Reason, Spent, StepPhase
from jobflows.engine.observations import StopMode, StopRequest

FAILS_ONCE = [fail(), succeed()]


def fork(**fields: object) -> CompiledFlow:
    """A flow a → (b0, b1, b2) → (c0, c1, c2) → d, as Jobmon's tests have it."""
    steps = [step("a")]
    for i in range(3):
        steps += [step(f"b{i}", "a"), step(f"c{i}", f"b{i}")]
    return flow(*steps, step("d", "c0 c1 c2"), **fields)  # type: ignore[arg-type]


def failed_fork(**scripts: Outcome | list[Outcome]) -> World:
    """Its run in which b1 failed: c1 and d are skipped."""
    world = World(fork(), **({"b1": FAILS_ONCE} | scripts)).finish()
    assert world.ledger.phase is FlowPhase.FAILED
    return world


def since(world: World, before: int) -> list[str]:
    """Steps started after the first `before` starts."""
    return sorted(name for name, _, _ in world.starts[before:])


def refusal(world: World, **request: object) -> str:
    """Ask for what will be refused, and return why; nothing else may have changed."""
    before, starts = world.ledger, len(world.starts)
    told = world.ask(**request)
    assert [(event.reason, event.warning) for event in told] == [("ResumeRefused", True)]
    assert world.ledger.phase is before.phase
    assert world.ledger.steps == before.steps
    assert len(world.starts) == starts
    assert world.status["resume"]["refusal"]["message"] == told[0].message
    return told[0].message


# what failed runs again ---


def test_scenario_20_resume_after_fix() -> None:
    world = failed_fork()
    before = len(world.starts)
    kept = {n: world.record(n) for n, phase in world.phases.items() if phase == "Succeeded"}
    told = world.ask(id="1")

    assert [event.reason for event in told] == ["ResumeStarted", "FlowStarted", "Started"]
    assert "b1, c1, d to run again, 5 succeeded before" in told[0].message
    assert world.status["phase"] == "Running"
    assert world.status["resume"] == {"id": "1", "time": "1970-01-12T13:46:43Z", "run": 2}
    assert world.status["completionTime"] is None
    assert world.status["progress"]["summary"] == "5/8"

    world.finish()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert since(world, before) == ["b1", "c1", "d"]
    assert {name: world.record(name) for name in kept} == kept
    assert world.record("b1").attempt == 2
    assert world.record("b1").job == AttemptRef("flow-b1-2", "uid-flow-b1-2")


def test_a_resumed_run_sees_the_parameters_as_they_are_now() -> None:
    def make(value: str) -> CompiledFlow:
        return flow(step("a"), step("b", "a"), parameters={"x": value})

    world = World(make("old"), b=FAILS_ONCE).finish()
    world.edit(make("new"))
    world.ask(id="1")
    world.finish()

    assert world.parameters["a"] == {"x": "old"}
    assert world.parameters["b"] == {"x": "new"}


def test_outputs_of_kept_steps_reach_the_steps_that_run_again() -> None:
    reads = {"rows": {"jsonPath": "a:$.outputs.rows"}}
    made = flow(step("a", outputs={"rows": "$.n"}), step("b", "a", inputs=reads))
    world = World(made, a=succeed(output='{"n": "7"}'), b=FAILS_ONCE).finish()
    world.crash()
    world.ask(id="1")
    world.finish()

    assert world.parameters["b"] == {"rows": "7"}
    assert world.ledger.phase is FlowPhase.SUCCEEDED


@pytest.mark.parametrize(
    ("one", "end", "spent"),
    [
        (step("a", retries=1), fail(), Spent(retries=1)),
        (step("a", losses=1), evicted(), Spent(losses=1)),
    ],
    ids=["retries", "losses"],
)
def test_each_budget_is_counted_anew_and_attempts_go_on(
    one: dict[str, Any], end: Outcome, spent: Spent
) -> None:
    world = World(flow(one, backoffLimit=1), a=[end, end, end, succeed()]).finish()
    assert (world.phases, world.record("a").attempt) == ({"a": "Failed"}, 2)
    world.ask(id="1")
    world.finish()

    assert (world.phases, world.record("a").attempt) == ({"a": "Succeeded"}, 4)
    assert world.record("a").spent == spent


def test_what_kept_steps_have_cost_is_not_charged_to_the_new_run() -> None:
    made = flow(step("a", retries=3), step("b", "a", retries=1), backoffLimit=2)
    scripts = {"a": [fail(), fail(), succeed()], "b": [fail(), fail(), succeed()]}
    world = World(made, **scripts).finish()
    assert world.ledger.reason == Reason.BACKOFF_LIMIT
    world.ask(id="1")
    world.crash()
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert (world.record("a").retries, world.record("b").retries) == (2, 1)


def test_what_has_grown_is_kept_and_grows_on_with_a_budget_of_its_own() -> None:
    policy = {"resources": {"memory": {"factor": 2}}}
    heavy = step("a", memory="16Mi", retries=1, policy=policy)
    world = World(flow(heavy), a=out_of_memory(needs="64Mi")).finish()
    assert world.phases == {"a": "Failed"}
    world.ask(id="1")
    world.crash()
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert [asked.get("memory") for asked in world.asked("a")] == [None, "32Mi", "32Mi", "64Mi"]
    assert [failed.number for failed in world.record("a").failures] == [1, 2, 3]
    assert world.record("a").spent == Spent(out_of_memory=1)


def test_the_deadline_counts_from_the_resume() -> None:
    world = World(flow(step("a"), step("b", "a"), activeDeadlineSeconds=10), b=hang()).finish()
    assert world.ledger.reason == Reason.FLOW_DEADLINE
    world.run(100)
    world.ask(id="1")
    assert world.ledger.started == START + 110
    world.crash()
    world.finish()

    assert world.elapsed == 120
    assert world.ledger.reason == Reason.FLOW_DEADLINE
    assert world.started_at("b") == [1, 110]
    assert len(world.started_at("a")) == 1


def test_a_flow_whose_time_to_live_ran_is_not_deleted_by_it() -> None:
    world = World(flow(step("a"), ttlSecondsAfterFinished=30), a=[fail(), succeed(100)]).finish()
    world.run(20)
    world.ask(id="1")
    world.run()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.flow_deleted == 21 + 100 + 30


def test_a_request_that_waited_for_an_operator_longer_than_the_time_to_live_is_heard() -> None:
    world = World(flow(step("a"), ttlSecondsAfterFinished=30), a=FAILS_ONCE).finish()
    world.now += 1000
    world.crash()
    world.ask(id="1")

    assert world.flow_deleted is None
    assert world.ledger.phase is FlowPhase.RUNNING


@pytest.mark.parametrize("ttl", [None, 5])
def test_the_remains_of_kept_and_repeated_steps_go_in_their_time(ttl: int | None) -> None:
    world = World(flow(step("a", job_ttl=ttl), step("b", "a", job_ttl=ttl)), b=FAILS_ONCE).finish()
    world.ask(id="1")
    world.run(100)

    gone = sorted(name for name, _ in world.deleted)
    assert gone == ([] if ttl is None else ["flow-a-1", "flow-b-1", "flow-b-2"])


def test_a_failed_flow_is_resumed_again_and_again() -> None:
    world = World(flow(step("a"), step("b", "a")), b=[fail()] * 3 + [succeed()]).finish()
    for number in "123":
        world.ask(id=number)
        world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.status["resume"]["run"] == 4
    assert len(world.started_at("a")) == 1
    assert [number for name, number, _ in world.starts if name == "b"] == [1, 2, 3, 4]


def test_a_flow_that_was_replaced_before_it_began_begins() -> None:
    world = World(flow(step("a"), concurrencyGroup="g", suspend=True))
    world.tick()
    world.peers = [Peer("p", "other", START + 5, FlowPhase.RUNNING, replaces=True)]
    world.tick()
    assert world.ledger.reason == Reason.REPLACED
    world.peers = []
    world.edit(flow(step("a"), concurrencyGroup="g"))
    world.ask(id="1")
    world.finish()

    assert world.phases == {"a": "Succeeded"}


# tolerated failures and conditions ---


def test_a_tolerated_failure_that_a_step_has_built_on_is_kept() -> None:
    made = flow(step("a", may_fail=True), step("b", "a"), step("c", "b"))
    world = World(made, a=fail(), c=FAILS_ONCE).finish()
    world.ask(id="1")
    world.finish()

    assert world.phases == {"a": "Failed", "b": "Succeeded", "c": "Succeeded"}
    assert len(world.started_at("a")) == 1


def test_a_tolerated_failure_that_nothing_was_built_on_runs_again() -> None:
    made = flow(step("leaf", may_fail=True), step("a"), step("b", "a"))
    world = World(made, leaf=FAILS_ONCE, b=FAILS_ONCE).finish()
    world.ask(id="1")
    world.finish()

    assert set(world.phases.values()) == {"Succeeded"}


def test_a_condition_is_asked_again_only_below_what_runs_again() -> None:
    made = flow(
        step("bad", may_fail=True),
        step("repair", "bad", when="steps.bad.phase == 'Succeeded'"),
        step("good"),
        step("never", "good", when="steps.good.phase == 'Failed'"),
        step("end", "repair never bad"),
    )
    world = World(made, bad=FAILS_ONCE, end=FAILS_ONCE).finish()
    assert world.phases["repair"] == "Skipped"
    kept = world.record("never")
    world.ask(id="1")
    world.finish()

    assert world.phases == {
        "bad": "Succeeded",
        "repair": "Succeeded",
        "good": "Succeeded",
        "never": "Skipped",
        "end": "Succeeded",
    }
    assert world.record("never") == kept


def test_a_condition_of_a_step_that_ran_before_is_asked_in_the_new_run() -> None:
    made = flow(step("a", may_fail=True), step("b", "a", when="steps.a.phase == 'Succeeded'"))
    world = World(made, a=[succeed(), fail()]).finish()
    world.ask(**{"id": "1", "from": ["a"]})
    world.finish()

    assert world.phases == {"a": "Failed", "b": "Skipped"}
    assert world.record("b").reason == Reason.WHEN_FALSE


def test_a_rejected_approval_is_asked_again_when_its_answer_was_taken_off() -> None:
    world = World(flow(step("ask", manual=True), step("b", "ask")))
    world.approvals = {"ask": False}
    world.finish()
    world.approvals = {}
    world.ask(id="1")
    assert world.ledger.phase is FlowPhase.PAUSED
    world.approvals = {"ask": True}
    world.finish()

    assert world.phases == {"ask": "Succeeded", "b": "Succeeded"}


# hot and cold ---


def test_scenario_21_cold_resume() -> None:
    made = flow(step("a"), step("bad"), step("b", "a"), step("c", "b"))
    world = World(made, bad=[fail(), succeed()], b=[hang(stopping=5), succeed()]).run(3)
    assert world.phases == {"a": "Succeeded", "bad": "Failed", "b": "Running", "c": "Pending"}
    world.ask(id="1", mode="cold")
    assert world.stopped == [("flow-b-1", 3)]
    assert world.started_at("b") == [1]
    world.finish()

    assert world.started_at("b") == [1, 8]
    assert world.started_at("a") == [0]
    assert set(world.phases.values()) == {"Succeeded"}


def test_scenario_21_hot_resume() -> None:
    made = flow(step("a"), step("bad"), step("b", "a"), step("c", "b"))
    world = World(made, bad=FAILS_ONCE, b=succeed(10)).run(3)
    world.ask(id="1", mode="hot")
    world.finish()

    assert world.stopped == []
    assert world.started_at("b") == [1]
    assert world.started_at("bad") == [0, 3]
    assert set(world.phases.values()) == {"Succeeded"}


@pytest.mark.parametrize("mode", ["hot", "cold"])
def test_a_flow_that_is_being_stopped_starts_again_when_its_attempts_are_gone(mode: str) -> None:
    made = flow(step("a"), activeDeadlineSeconds=5)
    world = World(made, a=[hang(stopping=20), succeed()]).run(6)
    assert world.ledger.phase is FlowPhase.FAILED
    world.ask(id="1", mode=mode)
    world.finish()

    # The deadline of the new run is over while the old attempt is on its way out.
    assert world.ledger.reason == Reason.FLOW_DEADLINE
    assert world.record("a").phase is StepPhase.SKIPPED
    world.run(20)
    world.ask(id="2", mode=mode)
    world.finish()
    assert world.started_at("a") == [0, 31]
    assert world.phases == {"a": "Succeeded"}


def cut_off() -> World:
    """A flow that ended by its deadline, and an operator that died before it stopped anything."""
    made = flow(step("a"), activeDeadlineSeconds=5, concurrencyGroup="g")
    world = World(made, a=[succeed(30), succeed()]).run(4.5)
    world.now += 0.5
    jobs = [replace(job) for job in world.jobs]
    world.plan()
    world.jobs, world.stopped = jobs, []
    assert world.ledger.phase is FlowPhase.FAILED
    world.crash()
    return world


def test_an_attempt_that_was_never_stopped_is_adopted_by_a_hot_resume() -> None:
    world = cut_off()
    world.edit(flow(step("a")))
    world.ask(id="1")
    world.finish()

    assert world.stopped == []
    assert world.started_at("a") == [0]
    assert world.record("a").attempt == 1
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_an_attempt_that_was_never_stopped_is_stopped_by_a_cold_resume() -> None:
    world = cut_off()
    world.ask(id="1", mode="cold")
    world.finish()

    assert world.stopped == [("flow-a-1", 5)]
    assert world.started_at("a") == [0, 5]
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_cold_resume_that_waits_for_its_turn_stops_what_runs_at_once() -> None:
    world = cut_off()
    world.peers = [Peer("p", "other", START + 2, FlowPhase.RUNNING, replaces=False)]
    world.ask(id="1", mode="cold")
    world.run(20)
    assert world.stopped == [("flow-a-1", 5)]
    assert world.ledger.reason == Reason.WAITING_FOR_FLOW
    world.peers = []
    world.finish()

    assert world.started_at("a") == [0, 25]


def test_a_job_that_the_ended_flow_never_knew_of_keeps_its_number() -> None:
    made = flow(step("gate"), step("a", "gate"), activeDeadlineSeconds=5)
    world = World(made, gate=succeed(4), a=hang(stopping=10))
    world.shows = lambda name: name != "a"
    world.run(6)  # its Job is stopped before it was seen
    assert world.record("a").attempt == 0
    world.shows = lambda _: True
    world.run(1)
    assert world.stopped == [("flow-a-1", 6)]
    world.edit(flow(step("gate"), step("a", "gate")))
    world.ask(id="1")
    world.run(12)

    assert [start for start in world.starts if start[0] == "a"][1:] == [("a", 2, START + 16)]


# from and set ---


def test_rerun_of_a_finished_flow_from_a_step() -> None:
    def make(value: str) -> CompiledFlow:
        return flow(
            step("a"), step("b", "a"), step("c", "b"), step("x", "a"), parameters={"p": value}
        )

    world = World(make("1")).finish()
    kept = {name: world.record(name) for name in "ax"}
    world.edit(make("2"))
    world.ask(**{"id": "1", "from": ["b"]})
    world.finish()

    assert [name for name, _, _ in world.starts[4:]] == ["b", "c"]
    assert world.parameters["c"] == {"p": "2"}
    assert {name: world.record(name) for name in kept} == kept
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.status["progress"]["summary"] == "4/4"


def test_from_leaves_other_failures_as_they_are() -> None:
    world = World(flow(step("a"), step("b"), step("c", "b")), a=fail(), b=FAILS_ONCE).finish()
    world.ask(**{"id": "1", "from": ["b"]})
    world.finish()

    assert world.phases == {"a": "Failed", "b": "Succeeded", "c": "Succeeded"}
    assert world.ledger.phase is FlowPhase.FAILED


def test_from_below_a_failure_stays_skipped() -> None:
    world = World(flow(step("a"), step("b", "a")), a=fail()).finish()
    world.ask(**{"id": "1", "from": ["b"]})
    world.finish()

    assert world.phases == {"a": "Failed", "b": "Skipped"}
    assert world.ledger.phase is FlowPhase.FAILED


def test_scenario_24_marked_done() -> None:
    world = failed_fork(b1=fail())
    before = len(world.starts)
    world.ask(id="1", set={"b1": "Succeeded"})
    world.crash()
    world.finish()

    assert since(world, before) == ["c1", "d"]
    assert world.record("b1").reason == Reason.MARKED
    assert "resume 1" in world.record("b1").message
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_scenario_24_reset_with_descendants() -> None:
    world = World(fork()).finish()
    before = len(world.starts)
    world.ask(id="1", set={"b1": "Pending"})
    world.finish()

    assert since(world, before) == ["b1", "c1", "d"]
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_scenario_24_too_late() -> None:
    made = flow(step("a", may_fail=True), step("b", "a"))
    world = World(made, a=fail(), b=hang()).run(5)

    for request in ({"set": {"a": "Succeeded"}}, {"set": {"a": "Pending"}}, {"from": ["a"]}):
        assert "has started b below" in refusal(world, id="1", **request)


def test_a_step_of_a_running_flow_is_marked_before_anything_below_has_started() -> None:
    world = World(flow(step("a"), step("b", "a"), step("slow")), a=fail(), slow=succeed(10)).run(3)
    assert world.phases["b"] == "Skipped"
    world.ask(id="1", set={"a": "Succeeded"})
    world.finish()

    assert world.started_at("b") == [3]
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_marking_and_repeating_go_together() -> None:
    world = World(flow(step("a"), step("b"), step("c", "a b")), a=fail(), b=FAILS_ONCE).finish()
    world.ask(**{"id": "1", "set": {"a": "Succeeded"}, "from": ["b"]})
    world.finish()

    assert set(world.phases.values()) == {"Succeeded"}
    assert len(world.started_at("a")) == 1


# what is refused ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("yes", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[1]", "write JSON such as"),
        ("{}", "id: Field required"),
        ('{"id": ""}', "id: "),
        ('{"id": 7}', "id: "),
        ('{"id": "1", "mode": "warm"}', "'hot' or 'cold'"),
        ('{"id": "1", "from": "a"}', "from: "),
        ('{"id": "1", "form": ["a"]}', "form: "),
        ('{"id": "1", "set": {"a": "Done"}}', "set.a: "),
        ('{"id": "1", "from": ["x", "y"]}', "no step x, y; the steps are a, b"),
        ('{"id": "1", "set": {"a": "Succeeded"}}', "step a is Succeeded"),
        ('{"id": "1", "set": {"b": "Succeeded"}, "from": ["a"]}', "run again, too"),
    ],
)
def test_a_bad_request_is_told_once_and_changes_nothing(text: str, words: str) -> None:
    world = World(flow(step("a"), step("b", "a")), b=fail()).finish()
    ended = {**world.status}
    world.resume = text
    world.run(5)
    world.crash()
    world.run(5)

    told = [event.message for event in world.events if event.reason == "ResumeRefused"]
    assert len(told) == 1
    assert words in told[0]
    assert {**world.status, "resume": None} == ended


def test_scenario_22_resume_of_a_flow_that_succeeded() -> None:
    world = World(flow(step("a"), step("b", may_fail=True)), b=fail()).finish()

    assert 'the flow succeeded; name steps to run again with "from"' in refusal(world, id="1")


def test_a_flow_that_runs_without_a_failure_has_nothing_to_resume() -> None:
    world = World(flow(step("a"), step("b", "a")), a=succeed(10)).run(5)

    for mode in ("hot", "cold"):
        assert "no step has failed" in refusal(world, id=mode, mode=mode)
    assert "a is Running" in refusal(world, **{"id": "2", "from": ["a"]})
    assert "b is Pending" in refusal(world, **{"id": "3", "from": ["b"]})
    world.finish()
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_refused_request_does_not_fire_later() -> None:
    world = World(flow(step("a")), a=[fail(after=10), succeed()]).run(5)
    refusal(world, id="1")
    world.finish()
    world.crash()
    world.run(10)

    assert world.status["phase"] == "Failed"
    world.ask(id="2")
    world.finish()
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_mended_request_may_keep_its_id() -> None:
    world = World(flow(step("a")), a=FAILS_ONCE).finish()
    refusal(world, **{"id": "1", "from": ["nobody"]})
    world.ask(**{"id": "1", "from": ["a"]})
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert "refusal" not in world.status["resume"]


def test_a_request_acts_once_however_often_it_is_seen() -> None:
    world = World(flow(step("a")), a=fail()).finish()
    world.ask(id="1")
    world.finish()
    assert world.record("a").attempt == 2
    for text in (world.resume, '{"mode": "cold", "id": "1"}'):
        world.resume = text
        world.run(5)
        world.crash()
        world.run(5)

    assert world.record("a").attempt == 2
    assert world.ledger.resume.run == 2


@pytest.mark.parametrize("mode", StopMode)
def test_a_flow_that_was_stopped_is_resumed_when_the_stop_is_taken_off(mode: StopMode) -> None:
    world = World(flow(step("a"), step("b", "a")), b=[hang(stopping=3), succeed()]).run(5)
    world.stop = StopRequest(mode, "by hand")
    world.run(5)
    assert "take the annotation workflow.kube-zen.io/stop off" in refusal(world, id="1")
    world.stop = None
    world.ask(id="2")
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.started_at("a") == [0]
    assert world.started_at("b") == [1, 10]


def test_fail_fast_looks_at_the_failures_of_this_run_only() -> None:
    made = flow(step("a"), step("b"), step("c", "b"), step("d", "c"), failFast=True)
    world = World(made, a=[fail(2), fail(2)], b=fail(), c=[succeed(), fail()]).finish()
    assert world.phases["c"] == "Skipped"
    world.run(1)
    world.ask(id="1", set={"b": "Succeeded"})
    world.finish()
    assert world.phases == {"a": "Failed", "b": "Succeeded", "c": "Succeeded", "d": "Succeeded"}

    world.run(1)
    world.edit(flow(step("a"), step("b"), step("c", "b"), step("x"), step("y", "x"), failFast=True))
    world.scripts["x"] = [succeed(5)]
    world.ask(**{"id": "2", "from": ["c"]})
    world.finish()
    assert world.phases["y"] == "Skipped"
    assert world.record("y").message == "step c failed, and failFast is set"


def test_exit_handlers_run_again_at_the_end_of_the_new_run() -> None:
    made = flow(step("a"), step("b", "a"), on_exit=[step("tidy"), step("cry", when="never")])
    world = World(made, b=FAILS_ONCE).finish()
    assert world.started_at("tidy") == [2]
    world.run(5)
    told = world.ask(id="1")
    assert "b to run again, 1 succeeded before" in told[0].message
    assert world.status["outcome"] is None
    world.crash()
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert [start[:2] for start in world.starts] == [
        ("a", 1),
        ("b", 1),
        ("tidy", 1),
        ("b", 2),
        ("tidy", 2),
    ]


def test_a_flow_of_which_only_an_exit_handler_failed_repeats_just_that() -> None:
    world = World(flow(step("a"), on_exit=[step("tidy")]), tidy=FAILS_ONCE).finish()
    assert world.ledger.reason == Reason.ON_EXIT_FAILED
    world.ask(id="1")
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert [start[:2] for start in world.starts] == [("a", 1), ("tidy", 1), ("tidy", 2)]


def test_a_flow_whose_exit_handlers_run_is_resumed_when_they_are_done() -> None:
    world = World(flow(step("a"), on_exit=[step("tidy")]), a=fail(), tidy=succeed(10)).run(5)
    assert "when it has ended" in refusal(world, id="1")
    world.finish()
    assert "run again with every resume" in refusal(world, **{"id": "2", "from": ["tidy"]})
    world.ask(id="3")
    world.finish()
    assert [start[:2] for start in world.starts][2:] == [("a", 2), ("tidy", 2)]


# edits ---


def test_scenario_22_changed_steps() -> None:
    """Kept steps keep their results and are named; added steps run, removed ones are gone."""
    world = World(flow(step("a"), step("old", "a"), step("b", "a")), b=FAILS_ONCE).finish()
    world.edit(flow(step("a", timeout=9), step("b", "a", inputs={"x": "1"}), step("new", "a")))
    world.tick()
    assert world.phases["new"] == "Skipped"
    world.crash()
    told = world.ask(id="1")
    world.finish()

    warned = [event.message for event in told if event.warning]
    assert warned == ["a: changed since, and kept as it was; from runs it again"]
    assert world.phases == {"a": "Succeeded", "b": "Succeeded", "new": "Succeeded"}
    assert world.parameters["b"] == {"x": "1"}
    assert len(world.started_at("a")) == 1
    assert json.loads(json.dumps(world.status))["steps"][0]["outdated"] is True

    world.ask(**{"id": "2", "from": ["a"]})
    world.finish()
    assert "outdated" not in world.status["steps"][0]


def test_a_step_added_to_a_flow_that_succeeded_runs_by_a_plain_resume() -> None:
    world = World(flow(step("a"))).finish()
    world.edit(flow(step("a"), step("b", "a")))
    world.ask(id="1")
    world.finish()

    assert [name for name, _, _ in world.starts] == ["a", "b"]
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_flow_whose_failed_step_was_removed_succeeds_by_a_resume() -> None:
    world = World(flow(step("a"), step("bad")), bad=fail()).finish()
    world.edit(flow(step("a")))
    world.ask(id="1")

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert len(world.starts) == 2


def test_a_suspended_flow_is_resumed_when_it_may_start_steps_again() -> None:
    world = World(flow(step("a")), a=FAILS_ONCE).finish()
    world.edit(flow(step("a"), suspend=True))
    world.ask(id="1")
    world.run(10)
    assert world.ledger.phase is FlowPhase.SUSPENDED
    assert len(world.starts) == 1
    world.edit(flow(step("a")))
    world.finish()

    assert world.started_at("a") == [0, 11]


def test_a_start_that_was_refused_for_now_leaves_its_number_free() -> None:
    made = flow(step("a"), activeDeadlineSeconds=3)
    world = World(made, a=blocked(times=4)).finish()
    assert world.record("a").phase is StepPhase.SKIPPED
    world.ask(id="1")
    world.finish()

    assert [number for _, number, _ in world.starts] == [1]


def test_a_crash_after_the_take_in_is_charged_to_the_new_run_only() -> None:
    world = World(flow(step("a", retries=1)), a=[fail(), fail(), fail(), succeed()]).finish()
    world.writes = lambda: False
    world.ask(id="1")
    world.run(0.5)
    world.crash()
    world.writes = lambda: True
    world.finish()

    assert (world.record("a").attempt, world.record("a").retries) == (4, 1)
    assert world.ledger.resume.run == 2
