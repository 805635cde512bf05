"""Jobs that the API server will not have: ever, or for now."""

from __future__ import annotations

from engine.flows import flow, step
from engine.outcomes import blocked, hang, rejected, succeed
from engine.world import World
from jobflows.engine import FlowPhase, Reason, StepPhase


def test_a_rejected_job_is_final_whatever_the_retries() -> None:
    world = World(
        flow(step("a", retries=5), step("b", "a")), a=rejected("spec.template: Invalid value")
    ).finish()

    assert world.elapsed == 0
    assert world.phases == {"a": "Failed", "b": "Skipped"}
    assert world.record("a").reason == Reason.REJECTED
    assert "spec.template: Invalid value" in world.record("a").message
    assert Reason.STARTED not in world.reasons


def test_a_blocked_job_waits_says_why_and_is_tried_again() -> None:
    world = World(flow(step("a")), a=blocked(3, "exceeded quota: pods=10")).run(2.5)

    record = world.record("a")
    assert record.phase is StepPhase.PENDING
    assert "exceeded quota: pods=10" in record.message
    assert world.last is not None
    assert world.last.wake_at == world.now + 0.5

    world.finish()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert (record.retries, record.losses) == (0, 0)
    assert world.record("a").message == ""


def test_blocked_jobs_do_not_keep_others_from_starting() -> None:
    names = "abcde"
    steps = [step(n) for n in names] + [step("tail", "a b c d")]
    world = World(flow(*steps), **{n: blocked(5) for n in "abcd"})
    world.window = 2
    world.run(3)

    assert world.phases["e"] == "Succeeded"


def test_a_deadline_ends_what_is_blocked() -> None:
    world = World(flow(step("a"), activeDeadlineSeconds=5), a=blocked(1000)).finish()

    assert world.elapsed == 5
    assert world.phases == {"a": "Skipped"}


def test_the_flow_says_what_a_running_job_waits_for() -> None:
    world = World(flow(step("a")), a=hang())
    image = "Back-off pulling image nosuch:1"
    world.scripts["a"] = [succeed(60, running_message=image)]
    world.run(30)
    assert world.status["steps"][0]["message"] == image

    world.finish()
    assert world.record("a").message == ""


def test_what_has_the_name_of_a_rejected_job_is_not_deleted_in_its_place() -> None:
    """The name may be taken by a Job that belongs to somebody else."""
    world = World(flow(step("a", job_ttl=0), step("b")), a=rejected("exists"), b=hang()).run(10)
    world.crash()
    world.run(10)

    assert world.phases["a"] == "Failed"
    assert world.deleted == []


def test_a_flow_whose_first_job_is_rejected_says_so_after_a_restart_as_well() -> None:
    world = World(flow(step("a")), a=rejected()).finish()
    world.crash()
    world.run(10)

    assert world.record("a").reason == Reason.REJECTED
    assert world.starts == []
