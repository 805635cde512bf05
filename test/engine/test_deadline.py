"""activeDeadlineSeconds: the end of a flow that takes too long."""

from __future__ import annotations

from engine.flows import flow, step
from engine.outcomes import fail, hang, succeed
from engine.world import World
from jobflows.engine import FlowPhase, Reason


def test_scenario_18_at_the_deadline_what_runs_is_stopped_and_the_rest_is_skipped() -> None:
    late = flow(step("a"), step("b", "a"), step("c", "b"), activeDeadlineSeconds=10)
    world = World(late, b=hang()).finish()

    assert world.elapsed == 10
    assert world.phases == {"a": "Succeeded", "b": "Failed", "c": "Skipped"}
    assert world.ledger.phase is FlowPhase.FAILED
    assert world.ledger.reason == Reason.FLOW_DEADLINE
    assert world.stopped == [("flow-b-1", 10)]


def test_the_deadline_wakes_the_operator() -> None:
    world = World(flow(step("a"), activeDeadlineSeconds=60), a=hang()).run(0)

    assert world.last is not None
    assert world.last.wake_at == world.now + 60


def test_a_step_that_waits_for_its_retry_has_failed_at_the_deadline() -> None:
    wait = {"type": "Fixed", "duration": "1h"}
    retrying = flow(step("a", retries=5, backoff=wait), activeDeadlineSeconds=10)
    world = World(retrying, a=fail()).finish()

    assert world.phases == {"a": "Failed"}
    assert world.record("a").reason == Reason.FLOW_DEADLINE


def test_a_flow_that_ends_in_the_last_moment_has_succeeded() -> None:
    world = World(flow(step("a"), activeDeadlineSeconds=10), a=succeed(after=10)).finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_flow_that_ended_before_anyone_looked_at_the_clock_has_succeeded() -> None:
    world = World(flow(step("a"), activeDeadlineSeconds=10), a=succeed(after=9)).run(5)
    world.now += 100
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_step_that_succeeds_at_the_deadline_keeps_its_success() -> None:
    world = World(
        flow(step("a"), step("b", "a"), activeDeadlineSeconds=10), a=succeed(after=10)
    ).finish()

    assert world.phases == {"a": "Succeeded", "b": "Skipped"}
    assert world.ledger.reason == Reason.FLOW_DEADLINE


def test_a_step_timeout_at_the_same_moment_ends_the_same() -> None:
    both = flow(step("a", timeout=10, retries=3), activeDeadlineSeconds=10)
    world = World(both, a=hang()).finish()

    assert world.phases == {"a": "Failed"}
    assert world.ledger.reason == Reason.FLOW_DEADLINE


def test_the_deadline_holds_after_a_restart() -> None:
    world = World(flow(step("a"), activeDeadlineSeconds=10), a=hang()).run(4)
    world.crash()
    world.finish()

    assert world.elapsed == 10


def test_a_flow_suspended_on_its_way_still_has_its_deadline() -> None:
    steps = (step("a"), step("b", "a"))
    world = World(flow(*steps, activeDeadlineSeconds=10)).run(0)
    world.edit(flow(*steps, suspend=True, activeDeadlineSeconds=10))
    world.finish()

    assert world.elapsed == 10
    assert world.phases == {"a": "Succeeded", "b": "Skipped"}


def test_a_flow_suspended_from_the_start_has_none_yet() -> None:
    world = World(flow(step("a"), suspend=True, activeDeadlineSeconds=10)).run(100)
    assert world.status["phase"] == "Suspended"

    world.edit(flow(step("a"), activeDeadlineSeconds=10))
    world.finish()
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_the_deadline_holds_while_the_flow_waits_for_its_volumes() -> None:
    world = World(flow(step("a"), volumes=("data",), activeDeadlineSeconds=10))
    world.creates_resources = False
    world.finish()

    assert world.elapsed == 10
    assert world.phases == {"a": "Skipped"}


def test_a_shortened_deadline_applies_at_once_and_a_longer_one_as_well() -> None:
    world = World(flow(step("a"), activeDeadlineSeconds=100), a=hang()).run(20)
    world.edit(flow(step("a"), activeDeadlineSeconds=50))
    assert world.last is not None
    world.tick()
    assert world.last.wake_at == world.now + 30
    world.edit(flow(step("a"), activeDeadlineSeconds=10))
    world.finish()

    assert world.elapsed == 20


def test_a_step_that_waits_for_a_person_has_failed_at_the_deadline() -> None:
    world = World(flow(step("ask", manual=True), activeDeadlineSeconds=10)).finish()

    assert world.phases == {"ask": "Failed"}


def test_a_job_that_appears_after_the_end_is_stopped() -> None:
    world = World(flow(step("a"), step("b"), activeDeadlineSeconds=1), a=hang(), b=hang())
    world.shows = lambda name: name != "b"  # the watch is late
    world.finish()
    assert world.phases == {"a": "Failed", "b": "Skipped"}

    world.shows = lambda _: True
    world.run(5)
    assert ("flow-b-1", 1) in world.stopped
    assert world.jobs == []
