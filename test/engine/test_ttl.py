"""ttlSecondsAfterFinished: of the flow, and of a template's Jobs."""

from __future__ import annotations

import pytest

from engine.flows import flow, step
from engine.outcomes import fail, hang, succeed
from engine.world import World


@pytest.mark.parametrize("outcome", [succeed(), fail()])
def test_a_finished_flow_is_deleted_after_its_time(outcome: object) -> None:
    world = World(flow(step("a"), ttlSecondsAfterFinished=30))
    world.scripts["a"] = [outcome]  # type: ignore[list-item]
    world.run()

    assert world.flow_deleted == 31


def test_zero_is_at_once() -> None:
    assert World(flow(step("a"), ttlSecondsAfterFinished=0)).run().flow_deleted == 1


def test_the_default_is_a_day() -> None:
    assert World(flow(step("a"))).run().flow_deleted == 86_401


def test_the_time_is_measured_from_completion_also_after_a_restart() -> None:
    world = World(flow(step("a"), ttlSecondsAfterFinished=30)).finish()
    world.run(10)
    world.crash()
    world.run()

    assert world.flow_deleted == 31


def test_a_restart_after_the_time_deletes_at_once() -> None:
    world = World(flow(step("a"), ttlSecondsAfterFinished=30)).finish()
    world.now += 1000
    world.crash()
    world.tick()

    assert world.flow_deleted == 1001


def test_an_edited_time_applies_to_a_finished_flow() -> None:
    world = World(flow(step("a"), ttlSecondsAfterFinished=3000)).finish()
    world.edit(flow(step("a"), ttlSecondsAfterFinished=30))
    world.run()

    assert world.flow_deleted == 31


def test_an_unfinished_flow_is_never_deleted() -> None:
    world = World(flow(step("a"), ttlSecondsAfterFinished=0), a=hang()).run(10_000)

    assert world.flow_deleted is None


@pytest.mark.parametrize("ttl", [0, 5])
def test_a_job_goes_after_the_time_of_its_template_once_its_outcome_is_on_record(ttl: int) -> None:
    world = World(flow(step("a", job_ttl=ttl), step("b", "a")), b=succeed(60)).run(30)

    assert world.deleted == [("flow-a-1", 1 + ttl)]
    assert world.phases == {"a": "Succeeded", "b": "Running"}
    assert world.status["steps"][0]["phase"] == "Succeeded"


def test_jobs_without_a_ttl_stay_as_long_as_the_flow() -> None:
    world = World(flow(step("a"), step("b", "a")), b=succeed(60)).run(1000)

    assert world.deleted == []
    assert len(world.jobs) == 2


def test_all_attempts_go_together_after_the_last() -> None:
    world = World(flow(step("a", job_ttl=5, retries=1)), a=[fail(), succeed()]).run(100)

    assert world.deleted == [("flow-a-1", 8), ("flow-a-2", 8)]


def test_a_job_of_a_finished_flow_goes_in_time_also_after_a_restart() -> None:
    world = World(flow(step("a", job_ttl=50))).finish()
    world.run(10)
    world.crash()
    world.run(100)

    assert world.deleted == [("flow-a-1", 51)]


def test_a_failed_removal_is_asked_for_again_by_a_full_look() -> None:
    world = World(flow(step("a", job_ttl=5), step("b")), b=hang()).run(5)
    job = world.jobs[0]
    world.run(2)
    world.jobs.append(job)
    world.crash()
    world.run(1)

    assert [name for name, _ in world.deleted] == ["flow-a-1", "flow-a-1"]
