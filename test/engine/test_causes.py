"""Each cause of failure has a budget of its own, and some causes no second try."""

from __future__ import annotations

import pytest

from engine.flows import flow, step
from engine.outcomes import evicted, fail, hang, out_of_memory, stuck, succeed
from engine.world import World
from jobflows.engine import Cause, FlowPhase, Reason, Spent, StepPhase


def test_every_cause_is_charged_to_its_own_budget() -> None:
    script = [
        fail(),
        out_of_memory(),
        hang(),
        evicted(),
        fail(),
        hang(),
        out_of_memory(),
        succeed(),
    ]
    world = World(flow(step("a", retries=2, timeout=5), backoffLimit=9), a=script).finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.record("a").spent == Spent(retries=2, out_of_memory=2, timeouts=2, losses=1)
    status = world.status["steps"][0]
    counts = ("retryCount", "outOfMemoryCount", "timeoutCount", "lostCount")
    assert [status[name] for name in counts] == [2, 2, 2, 1]


@pytest.mark.parametrize(
    ("outcome", "policy", "attempts"),
    [
        (fail(), {}, 3),
        (out_of_memory(), {}, 3),
        (hang(), {}, 3),
        (out_of_memory(), {"onOutOfMemory": {"limit": 4}}, 5),
        (out_of_memory(), {"onOutOfMemory": {"limit": 0}}, 1),
        (hang(), {"onTimeout": {"limit": 1}}, 2),
        (hang(), {"onOutOfMemory": {"limit": 0}}, 3),
        (fail(), {"onOutOfMemory": {"limit": 0}, "onTimeout": {"limit": 0}}, 3),
    ],
)
def test_a_budget_is_the_step_s_limit_or_its_own(
    outcome: object, policy: dict[str, object], attempts: int
) -> None:
    world = World(flow(step("a", retries=2, timeout=5, policy=policy)))
    world.scripts["a"] = [outcome]  # type: ignore[list-item]
    world.finish()

    assert len(world.starts) == attempts
    assert world.record("a").phase is StepPhase.FAILED


def test_the_flow_s_backoff_limit_counts_all_but_disruptions() -> None:
    script = [evicted(), out_of_memory(), evicted(), hang(), fail(), succeed()]
    world = World(flow(step("a", retries=5, timeout=5), backoffLimit=2), a=script).finish()

    assert world.record("a").reason == Reason.BACKOFF_LIMIT
    assert world.record("a").spent == Spent(out_of_memory=1, timeouts=1, losses=2)


def test_what_is_out_of_memory_fails_without_a_policy() -> None:
    world = World(flow(step("a")), a=out_of_memory()).finish()

    assert world.record("a").reason == "OOMKilled"
    assert len(world.starts) == 1


def test_a_configuration_error_fails_at_once_and_its_job_is_stopped() -> None:
    world = World(flow(step("a", retries=5), step("b", "a")), a=stuck(after=3)).finish()

    assert world.elapsed == 3
    assert world.stopped == [("flow-a-1", 3)]
    assert world.record("a").reason == "ImagePullBackOff"
    assert "cannot run" in world.record("a").message
    assert world.phases == {"a": "Failed", "b": "Skipped"}


def test_a_stuck_job_is_stopped_again_after_a_restart() -> None:
    world = World(flow(step("a")), a=stuck()).run(0.5)
    world.now += 0.5
    job = world.jobs[0]
    world.plan()
    job.gone_at = None  # the call never reached the API server
    world.crash()
    world.plan()

    assert world.stopped == [("flow-a-1", 1), ("flow-a-1", 1)]


def test_the_last_failures_are_on_record() -> None:
    script = [fail(3), *[evicted()] * 9, out_of_memory(), hang()]
    limits = {"onTimeout": {"limit": 0}}
    world = World(flow(step("a", retries=3, timeout=5, policy=limits)), a=script).finish()

    failures = world.status["steps"][0]["failures"]
    assert [failed["attempt"] for failed in failures] == list(range(3, 13))
    assert failures[0] == {"attempt": 3, "cause": "Disruption", "reason": "Evicted"}
    assert failures[-2:] == [
        {"attempt": 11, "cause": "OutOfMemory", "reason": "OOMKilled", "exitCode": 137},
        {"attempt": 12, "cause": "Timeout", "reason": "StepTimeout"},
    ]


def test_a_step_that_never_failed_remembers_nothing() -> None:
    world = World(flow(step("a"))).finish()

    assert set(world.status["steps"][0]) == {
        "name", "phase", "attempt", "startTime", "completionTime", "jobRef",
    }  # fmt: skip


def test_what_a_dead_operator_saw_is_charged_by_its_cause() -> None:
    script = [out_of_memory(), fail(), evicted(), succeed(10)]
    world = World(flow(step("a", retries=2)), a=script)
    world.writes = lambda: False
    world.run(8)
    assert len(world.starts) == 4
    world.crash()
    world.run(1)

    record = world.record("a")
    assert (record.phase, record.attempt) == (StepPhase.RUNNING, 4)
    assert record.spent == Spent(retries=1, out_of_memory=1, losses=1)
    causes = [failed.cause for failed in record.failures]
    assert causes == [Cause.OUT_OF_MEMORY, Cause.APPLICATION, Cause.DISRUPTION]


def test_a_retry_says_its_cause() -> None:
    world = World(flow(step("a", retries=1)), a=[out_of_memory(), succeed()]).finish()

    (event,) = (event for event in world.events if event.reason == "StepRetry")
    assert event.message.endswith("(OOMKilled) (OutOfMemory); next in 1.0 s")


def test_a_rule_on_an_exit_code_comes_before_the_budgets() -> None:
    rules = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [137]}}]}
    world = World(flow(step("a", retries=3), podFailurePolicy=rules), a=out_of_memory()).finish()

    assert len(world.starts) == 1
