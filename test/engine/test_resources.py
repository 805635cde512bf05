"""resourceTemplates: what has to be there before the first step."""

from __future__ import annotations

from engine.flows import flow, step
from engine.outcomes import succeed
from engine.world import World
from jobflows.engine import CreateResources, FlowPhase, Reason

WITH_VOLUME = flow(step("a"), step("b", "a"), volumes=("data",))


def test_the_resources_are_asked_for_until_they_are_ready() -> None:
    world = World(WITH_VOLUME)
    world.creates_resources = False
    for _ in range(3):
        assert world.plan().actions == (CreateResources(),)
    assert world.starts == []
    assert world.status["phase"] == "Running"

    world.creates_resources = True
    world.plan()
    world.finish()
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_flow_without_templates_needs_none() -> None:
    world = World(flow(step("a")))
    world.creates_resources = False

    assert world.finish().ledger.phase is FlowPhase.SUCCEEDED


def test_a_name_that_belongs_to_somebody_else_ends_the_flow() -> None:
    world = World(WITH_VOLUME)
    world.creates_resources = False
    world.plan()
    world.resources_problem = "PersistentVolumeClaim flow-data does not belong to this flow"
    world.finish()

    assert world.ledger.reason == Reason.RESOURCE_CONFLICT
    assert "flow-data" in world.ledger.message
    assert world.phases == {"a": "Skipped", "b": "Skipped"}


def test_what_ends_while_the_resources_are_looked_for_again_is_not_missed() -> None:
    """An operator that was restarted does not know yet that the volumes are there."""
    world = World(WITH_VOLUME, a=succeed(5)).run(1)
    world.crash()
    world.resources_ready = False
    world.creates_resources = False
    world.run(10)
    assert world.phases == {"a": "Succeeded", "b": "Pending"}

    world.creates_resources = True
    world.plan()
    world.finish()
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_timeout_holds_while_the_resources_are_looked_for_again() -> None:
    limited = flow(step("a", timeout=5), volumes=("data",))
    world = World(limited, a=succeed(100)).run(1)
    world.resources_ready = False
    world.creates_resources = False
    world.finish()

    assert world.record("a").reason == Reason.TIMEOUT
    assert world.elapsed == 5
