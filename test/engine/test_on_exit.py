"""Exit handlers: steps that run when all others are done, however the flow ended."""

from __future__ import annotations

from typing import Any

import pytest

from engine.flows import flow, step
from engine.outcomes import evicted, fail, hang, succeed
from engine.world import World
from jobflows.engine import FlowPhase, Peer, Reason, Spent, StopMode, StopRequest

CLEAN = (step("clean"),)
STOP = StopRequest(StopMode.STOP, "by hand")
TERMINATE = StopRequest(StopMode.TERMINATE, "by hand")


def told(world: World, name: str) -> tuple[str, str]:
    """The outcome that a handler was told: phase and reason."""
    given = world.parameters[name]
    return given["flow.phase"], given["flow.reason"]


def test_a_handler_runs_after_all_steps_and_sees_the_success() -> None:
    steps = (step("a"), step("b", "a"))
    world = World(flow(*steps, on_exit=CLEAN)).run(1.5)
    assert world.phases == {"a": "Succeeded", "b": "Running", "clean": "Pending"}

    world.run(1)
    assert world.status["phase"] == "Running"
    assert world.status["reason"] == Reason.EXIT_HANDLERS
    assert world.status["outcome"] == {"phase": "Succeeded", "reason": "Completed"}
    assert world.status["progress"]["summary"] == "2/3"
    assert [entry.get("onExit") for entry in world.status["steps"]] == [None, None, True]

    world.finish()
    assert world.started_at("clean") == [2]
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert told(world, "clean") == ("Succeeded", "Completed")


def test_a_handler_sees_the_failure_and_the_flow_stays_failed() -> None:
    world = World(flow(step("a"), on_exit=CLEAN), a=fail()).finish()

    assert world.phases == {"a": "Failed", "clean": "Succeeded"}
    assert told(world, "clean") == ("Failed", "StepFailed")
    assert world.parameters["clean"]["flow.message"].startswith("step a failed: ")
    assert (world.ledger.phase, world.ledger.reason) == (FlowPhase.FAILED, Reason.STEP_FAILED)
    assert world.ledger.message == world.parameters["clean"]["flow.message"]


def test_handlers_choose_by_the_outcome() -> None:
    handlers = (
        step("praise", when="flow.phase == 'Succeeded'"),
        step("blame", when="flow.phase == 'Failed' && steps.a.phase == 'Failed'"),
        step("deadline", when="flow.reason == 'ActiveDeadlineExceeded'"),
        step("last", "praise blame"),
    )
    world = World(flow(step("a"), on_exit=handlers), a=fail()).finish()

    assert world.phases == {
        "a": "Failed",
        "praise": "Skipped",
        "blame": "Succeeded",
        "deadline": "Skipped",
        "last": "Succeeded",
    }


@pytest.mark.parametrize(
    ("policy", "script", "reason"),
    [
        ({"activeDeadlineSeconds": 5}, hang(), Reason.FLOW_DEADLINE),
        ({"backoffLimit": 0}, fail(), Reason.BACKOFF_LIMIT),
    ],
)
def test_limits_of_the_flow_end_its_steps_and_not_its_handlers(
    policy: dict[str, Any], script: Any, reason: Reason
) -> None:
    handler = step("clean", retries=2)
    limited = flow(step("a", retries=1), on_exit=(handler,), **policy)
    world = World(limited, a=script, clean=[fail(after=10), succeed()]).finish()

    assert told(world, "clean") == ("Failed", reason)
    assert world.phases["clean"] == "Succeeded"
    assert world.ledger.reason == reason


def test_a_stopped_flow_runs_its_handlers_when_its_pods_are_gone() -> None:
    world = World(flow(step("a"), step("b", "a"), on_exit=CLEAN), a=hang(stopping=7)).run(5)
    world.stop = STOP
    world.finish()

    assert world.phases == {"a": "Failed", "b": "Skipped", "clean": "Succeeded"}
    assert world.started_at("clean") == [12]
    assert told(world, "clean") == ("Failed", "Stopped")
    assert world.ledger.reason == Reason.STOPPED


def test_a_terminated_flow_runs_no_handlers() -> None:
    world = World(flow(step("a"), on_exit=CLEAN), a=hang()).run(5)
    world.stop = TERMINATE
    world.finish()

    assert world.phases == {"a": "Failed", "clean": "Skipped"}
    assert world.ledger.reason == Reason.TERMINATED


def test_a_stop_while_handlers_run_changes_nothing() -> None:
    world = World(flow(step("a"), on_exit=CLEAN), clean=succeed(after=10)).run(5)
    world.stop = STOP
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_handlers_can_be_terminated() -> None:
    handlers = (step("clean"), step("next", "clean"))
    world = World(flow(step("a"), on_exit=handlers), clean=hang()).run(5)
    world.stop = TERMINATE
    world.finish()

    assert world.phases == {"a": "Succeeded", "clean": "Failed", "next": "Skipped"}
    assert world.stopped == [("flow-clean-1", 5)]
    assert (world.ledger.phase, world.ledger.reason) == (FlowPhase.FAILED, Reason.TERMINATED)
    assert world.ledger.message == "by hand; the steps ended Succeeded"


def test_a_flow_that_never_began_has_nothing_to_clean_up() -> None:
    world = World(flow(step("a"), suspend=True, on_exit=CLEAN)).run(5)
    world.stop = STOP
    world.finish()

    assert world.phases == {"a": "Skipped", "clean": "Skipped"}


def test_a_suspended_flow_runs_its_handlers() -> None:
    steps = (step("a"), step("b", "a"))
    world = World(flow(*steps, on_exit=CLEAN)).run(0)
    world.edit(flow(*steps, on_exit=CLEAN, suspend=True))
    world.run(5)
    assert world.status["phase"] == "Suspended"
    assert world.started_at("clean") == []

    world.stop = STOP
    world.finish()
    assert world.phases == {"a": "Succeeded", "b": "Skipped", "clean": "Succeeded"}


def test_a_replaced_flow_runs_its_handlers_and_then_makes_room() -> None:
    world = World(flow(step("a"), on_exit=CLEAN, concurrencyGroup="g"), a=hang()).run(5)
    newer = Peer("uid-2", "newer", world.now, FlowPhase.PENDING, replaces=True)
    world.peers = [newer]
    world.tick()
    assert world.status["phase"] == "Running"

    world.finish()
    assert told(world, "clean") == ("Failed", "Replaced")
    assert world.ledger.reason == Reason.REPLACED


def test_a_failed_handler_makes_a_success_a_failure() -> None:
    world = World(flow(step("a"), on_exit=CLEAN), clean=fail()).finish()

    assert (world.ledger.phase, world.ledger.reason) == (FlowPhase.FAILED, Reason.ON_EXIT_FAILED)
    assert world.ledger.message.startswith("exit handler clean failed: ")


def test_a_failed_handler_is_a_note_on_a_failure() -> None:
    world = World(flow(step("a"), on_exit=CLEAN), a=fail(), clean=fail()).finish()

    assert world.ledger.reason == Reason.STEP_FAILED
    assert world.ledger.message.startswith("step a failed: ")
    assert "; exit handler clean failed: " in world.ledger.message


def test_a_handler_that_may_fail_does_no_harm() -> None:
    world = World(flow(step("a"), on_exit=(step("clean", may_fail=True),)), clean=fail()).finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_handler_has_its_own_retries_timeout_and_losses() -> None:
    handler = step("clean", retries=1, losses=1, timeout=5)
    world = World(
        flow(step("a"), on_exit=(handler,), backoffLimit=0), clean=[hang(), evicted(), succeed()]
    ).finish()

    record = world.record("clean")
    assert (record.attempt, record.spent) == (3, Spent(timeouts=1, losses=1))
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_fail_fast_is_about_steps_only() -> None:
    handlers = (step("x", retries=1), step("y"))
    failing = flow(step("a"), step("b"), on_exit=handlers, failFast=True)
    world = World(failing, a=fail(), b=succeed(after=5), x=[fail(), succeed()]).finish()

    assert world.phases == {
        "a": "Failed",
        "b": "Succeeded",
        "x": "Succeeded",
        "y": "Succeeded",
    }
    assert world.record("x").attempt == 2


def test_the_outcome_outlives_the_operator_and_its_cause() -> None:
    world = World(flow(step("a"), on_exit=CLEAN), a=hang(stopping=7), clean=hang()).run(5)
    world.stop = STOP
    world.tick()
    world.stop = None
    world.crash()
    world.run(10)
    assert world.phases == {"a": "Failed", "clean": "Running"}

    world.crash()
    world.jobs[-1].outcome = succeed(after=20)
    world.finish()
    assert world.ledger.reason == Reason.STOPPED
    assert len(world.started_at("clean")) == 1


def test_the_outcome_is_on_record_before_a_handler_starts() -> None:
    """Else the next operator might know nothing of a stop whose request is gone."""
    world = World(flow(step("a"), step("b", "a"), on_exit=CLEAN), clean=hang()).run(0.5)
    world.writes = lambda: False
    world.edit(flow(step("a"), step("b", "a"), on_exit=CLEAN, suspend=True))
    world.run(2)
    world.stop = STOP
    world.tick()
    assert world.started_at("clean")
    world.stop = None
    world.crash()
    world.edit(flow(step("a"), step("b", "a"), on_exit=CLEAN))
    world.run(5)

    assert world.started_at("b") == []


def test_a_handler_may_ask_a_person() -> None:
    world = World(flow(step("a"), on_exit=(step("ask", manual=True),))).run(5)
    assert (world.status["phase"], world.status["reason"]) == ("Paused", "AwaitingApproval")

    world.approvals["ask"] = True
    world.finish()
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_handlers_read_the_outputs_of_steps() -> None:
    handler = step("clean", inputs={"rows": {"jsonPath": "a:$.outputs.rows"}})
    a = step("a", outputs={"rows": "$.rows"})
    world = World(flow(a, on_exit=(handler,)), a=succeed(output='{"rows": 7}')).finish()

    assert world.parameters["clean"]["rows"] == "7"


def test_a_flow_whose_volume_is_not_its_own_runs_no_handlers() -> None:
    world = World(flow(step("a"), on_exit=CLEAN, volumes=("data",)))
    world.resources_problem = "data belongs to somebody else"
    world.finish()

    assert world.phases == {"a": "Skipped", "clean": "Skipped"}
    assert world.ledger.reason == Reason.RESOURCE_CONFLICT


def test_a_flow_without_handlers_has_no_outcome() -> None:
    assert World(flow(step("a"))).finish().status["outcome"] is None


class TestEdits:
    def test_a_handler_that_is_added_while_the_flow_runs_will_run(self) -> None:
        world = World(flow(step("a")), a=succeed(after=5)).run(1)
        world.edit(flow(step("a"), on_exit=CLEAN))
        world.finish()

        assert world.started_at("clean") == [5]

    def test_a_handler_that_is_added_while_handlers_run_will_run(self) -> None:
        world = World(flow(step("a"), on_exit=CLEAN), clean=succeed(after=5)).run(2)
        world.edit(flow(step("a"), on_exit=(*CLEAN, step("more"))))
        world.finish()

        assert world.phases == {"a": "Succeeded", "clean": "Succeeded", "more": "Succeeded"}

    def test_a_step_that_is_added_while_handlers_run_comes_too_late(self) -> None:
        world = World(flow(step("a"), on_exit=CLEAN), clean=succeed(after=5)).run(2)
        world.edit(flow(step("a"), step("b"), on_exit=CLEAN))
        world.finish()

        assert world.phases == {"a": "Succeeded", "b": "Skipped", "clean": "Succeeded"}
        assert world.record("b").reason == Reason.FLOW_FINISHED

    def test_a_flow_whose_handlers_are_removed_ends(self) -> None:
        world = World(flow(step("a"), on_exit=CLEAN), clean=hang()).run(2)
        world.edit(flow(step("a")))
        world.run(1)

        assert world.ledger.phase is FlowPhase.SUCCEEDED
        assert world.stopped == [("flow-clean-1", 2)]

    def test_a_step_that_becomes_a_handler_waits_for_its_time(self) -> None:
        world = World(flow(step("a"), step("b", "a")), a=succeed(after=5)).run(1)
        world.edit(flow(step("a"), on_exit=(step("b"),)))
        world.finish()

        assert world.started_at("b") == [5]
