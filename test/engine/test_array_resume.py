"""Resume of arrays: what is kept of their tasks, and what becomes of batches that still run."""

from __future__ import annotations

import json
from typing import Any

from engine.array_world import ArrayWorld, End
from engine.flows import flow, step
from jobflows.engine import CompiledFlow, FlowPhase, StepPhase


def array(name: str, needs: str = "", count: int = 4, **fields: Any) -> dict[str, Any]:
    mode = fields.pop("dependencyMode", "All")
    return step(name, needs, array={"count": count, "dependencyMode": mode}, **fields)


def resume(world: ArrayWorld, mode: str, **request: Any) -> None:
    world.resume = json.dumps({"id": str(len(world.resume)), "mode": mode, **request})
    world.settle()


def one_fails_while_an_array_runs(**fields: Any) -> ArrayWorld:
    """`bad` has failed; of `a` tasks 0 and 1 are done, and 2 and 3 run for long."""

    def script(name: str, task: int, ran: int) -> tuple[End, float]:
        if name == "bad":
            return ("ok" if ran else "fail"), 1.0
        return "ok", 1.0 if task < 2 or ran else 50.0

    return ArrayWorld(flow(array("a"), step("bad"), array("b", "a"), **fields), script).run(3)


def test_scenario_21_a_cold_resume_begins_tasks_anew_that_still_run() -> None:
    world = one_fails_while_an_array_runs()
    world.stopping = 5.0
    resume(world, "cold")
    assert world.jobs("a") == ["0-3"]
    assert world.record("a").phase is StepPhase.RUNNING
    assert world.status["steps"][0]["formerAttempts"] == 1  # type: ignore[index]
    world.crash()
    asked = world.now
    world.run()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert [world.times("a", task) for task in range(4)] == [1, 1, 2, 2]
    assert world.begun["a", 2][1] == asked + 5
    assert world.times("bad", 0) == 2
    assert [world.times("b", task) for task in range(4)] == [1] * 4


def test_scenario_21_a_hot_resume_leaves_tasks_alone_that_still_run() -> None:
    world = one_fails_while_an_array_runs()
    resume(world, "hot")
    world.run()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert [world.times("a", task) for task in range(4)] == [1] * 4


def test_a_cold_resume_of_a_running_array_that_is_named_repeats_all_of_it() -> None:
    world = one_fails_while_an_array_runs()
    world.stopping, world.repeats = 5.0, True
    resume(world, "cold", **{"from": ["a"]})
    world.run()

    assert [world.times("a", task) for task in range(4)] == [2] * 4
    assert world.record("bad").phase is StepPhase.FAILED


def cut_off(*more: dict[str, Any]) -> ArrayWorld:
    """A flow that ended by its deadline, and an operator that died before it stopped anything."""

    def script(name: str, task: int, ran: int) -> tuple[End, float]:
        return "ok", 30.0 if (name, task) == ("a", 3) and not ran else 1.0

    def made(**policy: Any) -> CompiledFlow:
        return flow(array("a"), *more, **policy)

    world = ArrayWorld(made(activeDeadlineSeconds=5), script).run(4)
    world.now += 5
    world.lame = True
    world.plan()
    assert world.ledger.phase is FlowPhase.FAILED
    world.lame = False
    world.flow = made()
    world.crash()
    return world


def test_a_batch_that_was_never_stopped_goes_on_in_a_hot_resume() -> None:
    world = cut_off(array("b", "a", dependencyMode="Index"))
    resume(world, "hot")
    world.crash()
    world.run()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert [world.times("a", task) for task in range(4)] == [1] * 4
    assert [world.times("b", task) for task in range(4)] == [1] * 4
    assert world.jobs("a") == ["0-3"]


def test_a_batch_that_was_never_stopped_is_stopped_by_a_cold_resume() -> None:
    world = cut_off()
    world.stopping = 2.0
    resume(world, "cold")
    world.run()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert [world.times("a", task) for task in range(4)] == [1, 1, 1, 2]


def test_a_cold_resume_stops_batches_of_an_array_that_cannot_begin_yet() -> None:
    world = cut_off()
    world.stopping = 2.0
    world.flow = flow(step("first"), array("a", "first"))
    world.crash()
    resume(world, "cold", **{"from": ["first"]})
    assert world.record("a").phase is StepPhase.PENDING
    assert [b.gone_at for b in world.batches.values() if b.step == "a"] == [world.now + 2]


def test_what_tasks_have_grown_to_is_kept_by_a_resume() -> None:
    def script(_step: str, task: int, ran: int) -> tuple[End, float]:
        return ("oom" if ran < {1: 3, 2: 1}.get(task, 0) else "ok"), 1.0

    policy = {"resources": {"memory": {"factor": 2}}}
    world = ArrayWorld(flow(array("a", memory="16Mi", retries=1, policy=policy)), script).run()
    assert world.record("a").phase is StepPhase.FAILED
    assert world.status["steps"][0]["tasks"]["retried"] == [  # type: ignore[index]
        {"tasks": "1", "resources": {"memory": "32Mi"}}
    ]
    world.crash()
    resume(world, "hot")
    world.crash()
    world.run()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.jobs("a") == ["0-3", "1-2", "1", "1"]
    asked = [world.resources["a", number].document().get("memory") for number in (1, 2, 3, 4)]
    assert asked == [None, "32Mi", "32Mi", "64Mi"]


def test_what_tasks_have_grown_to_is_kept_when_the_flow_was_stopped() -> None:
    def script(_step: str, task: int, ran: int) -> tuple[End, float]:
        return ("oom", 1.0) if task == 1 and not ran else ("ok", 100.0 if ran == 1 else 1.0)

    policy = {"resources": {"memory": {"factor": 2}}}
    heavy = array("a", memory="16Mi", retries=1, policy=policy)
    world = ArrayWorld(flow(heavy, activeDeadlineSeconds=5), script).run()
    ended = world.ledger.phase
    world.flow = flow(heavy)
    world.crash()
    resume(world, "hot")
    world.run()

    assert (ended, world.ledger.phase) == (FlowPhase.FAILED, FlowPhase.SUCCEEDED)
    assert world.resources["a", 3].document() == {"memory": "32Mi"}


def test_an_array_runs_on_that_tolerated_failure_which_its_tasks_have_seen() -> None:
    def script(name: str, task: int, ran: int) -> tuple[End, float]:
        return ("fail" if (name, task) in (("a", 0), ("b", 1)) and not ran else "ok"), 1.0

    world = ArrayWorld(flow(array("a", may_fail=True), array("b", "a")), script).run()
    ended = world.ledger.phase
    resume(world, "hot")
    world.run()

    assert (ended, world.ledger.phase) == (FlowPhase.FAILED, FlowPhase.SUCCEEDED)
    assert [world.times("a", task) for task in range(4)] == [1] * 4
    assert [world.times("b", task) for task in range(4)] == [1, 2, 1, 1]
