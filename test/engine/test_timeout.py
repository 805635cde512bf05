"""timeoutSeconds: a limit on each attempt."""

from __future__ import annotations

from engine.flows import flow, step
from engine.outcomes import fail, hang, succeed
from engine.world import World
from jobflows.engine import FlowPhase, Reason, Spent, StepPhase


def test_scenario_18_an_attempt_that_takes_too_long_is_stopped_and_has_failed() -> None:
    world = World(flow(step("a", timeout=5), step("b", "a")), a=hang()).finish()

    assert world.elapsed == 5
    assert world.stopped == [("flow-a-1", 5)]
    assert world.record("a").reason == Reason.TIMEOUT
    assert "timeoutSeconds 5" in world.record("a").message
    assert world.phases == {"a": "Failed", "b": "Skipped"}


def test_the_operator_is_woken_for_the_timeout_and_for_nothing_before() -> None:
    world = World(flow(step("a", timeout=5)), a=hang()).run(0)

    assert world.last is not None
    assert world.last.wake_at == world.now + 5


def test_each_attempt_has_the_whole_time() -> None:
    world = World(flow(step("a", timeout=5, retries=1)), a=[hang(), succeed(4)]).finish()

    assert world.started_at("a") == [0, 6]
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_the_next_attempt_waits_until_the_old_one_is_gone() -> None:
    world = World(flow(step("a", timeout=5, retries=1)), a=[hang(stopping=30), succeed()])
    world.run(20)
    assert world.record("a").phase is StepPhase.PENDING
    assert world.started_at("a") == [0]

    world.finish()
    assert world.started_at("a") == [0, 35]
    assert world.stopped == [("flow-a-1", 5)]


def test_the_stop_is_asked_for_again_after_a_restart() -> None:
    world = World(flow(step("a", timeout=5, retries=1)), a=[hang(), succeed()]).run(4)
    world.now += 1
    job = world.jobs[0]
    world.plan()
    job.gone_at = None  # the call never reached the API server
    world.crash()
    world.plan()

    assert world.stopped == [("flow-a-1", 5), ("flow-a-1", 5)]


def test_success_in_the_last_moment_counts() -> None:
    world = World(flow(step("a", timeout=5)), a=succeed(after=5)).finish()

    assert world.phases == {"a": "Succeeded"}
    assert world.stopped == []


def test_success_that_is_seen_late_counts() -> None:
    world = World(flow(step("a", timeout=5)), a=succeed(after=4)).run(3)
    world.now += 60
    world.finish()

    assert world.phases == {"a": "Succeeded"}


def test_a_failure_that_is_seen_late_keeps_its_own_reason() -> None:
    world = World(flow(step("a", timeout=5)), a=fail(9, after=4)).run(3)
    world.now += 60
    world.finish()

    assert "exited with 9" in world.record("a").message


def test_the_timeout_runs_on_through_a_restart() -> None:
    world = World(flow(step("a", timeout=10)), a=hang()).run(4)
    world.crash()
    world.finish()

    assert world.elapsed == 10
    assert world.record("a").reason == Reason.TIMEOUT


def test_a_shorter_timeout_applies_to_what_runs() -> None:
    world = World(flow(step("a", timeout=100)), a=hang()).run(20)
    world.edit(flow(step("a", timeout=10)))
    world.finish()

    assert world.elapsed == 20


def test_a_rule_on_exit_codes_does_not_speak_about_a_timeout() -> None:
    """Exit codes seen by then are those of earlier pods of the same Job."""
    rules = {
        "rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [1]}}],
    }
    world = World(flow(step("a", timeout=5), podFailurePolicy=rules), a=hang(code=1)).finish()

    assert world.phases == {"a": "Failed"}


def test_a_timeout_has_a_budget_of_its_own() -> None:
    world = World(flow(step("a", timeout=1, retries=1)), a=hang()).finish()

    assert world.record("a").spent == Spent(timeouts=1)
    assert world.status["steps"][0]["timeoutCount"] == 1
