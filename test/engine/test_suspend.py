"""spec.suspend: no new step starts, running ones go on."""

from __future__ import annotations

from engine.flows import START, flow, step
from engine.outcomes import fail, hang, succeed
from engine.world import World
from jobflows.engine import CompiledFlow, FlowPhase, Reason

STEPS = (step("a"), step("b", "a"))


def chain(*, suspend: bool = False) -> CompiledFlow:
    return flow(*STEPS, suspend=suspend)


def test_a_flow_suspended_from_the_start_does_nothing() -> None:
    world = World(chain(suspend=True)).run(100)

    assert world.ledger.phase is FlowPhase.SUSPENDED
    assert world.ledger.reason == Reason.SUSPENDED
    assert world.starts == []
    assert world.ledger.started is None

    world.edit(chain())
    world.finish()
    assert world.ledger.started == START + 100
    assert world.started_at("a") == [100]


def test_in_the_middle_what_runs_goes_on_and_nothing_new_starts() -> None:
    world = World(chain()).run(0.5)
    world.edit(chain(suspend=True))
    world.run(100)
    assert world.phases == {"a": "Succeeded", "b": "Pending"}
    assert world.ledger.phase is FlowPhase.SUSPENDED

    world.edit(chain())
    world.finish()
    assert world.started_at("b") == [100.5]


def test_a_suspended_flow_whose_last_step_ends_is_finished() -> None:
    world = World(chain(), b=succeed(10)).run(5)
    world.edit(chain(suspend=True))
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_retry_waits_as_long_as_the_flow_is_suspended() -> None:
    retrying = (step("a", retries=1),)
    world = World(flow(*retrying), a=[fail(), succeed()]).run(0.5)
    world.edit(flow(*retrying, suspend=True))
    world.run(100)
    assert world.started_at("a") == [0]

    world.edit(flow(*retrying))
    world.finish()
    assert world.started_at("a") == [0, 100.5]


def test_a_timeout_holds_while_suspended() -> None:
    limited = (step("a", timeout=10),)
    world = World(flow(*limited), a=hang()).run(1)
    world.edit(flow(*limited, suspend=True))
    world.finish()

    assert world.elapsed == 10


def test_an_answer_is_taken_while_suspended_and_acted_on_later() -> None:
    gated = (step("ask", manual=True), step("b", "ask"))
    world = World(flow(*gated)).run(1)
    world.edit(flow(*gated, suspend=True))
    world.approvals["ask"] = True
    world.run(10)
    assert world.phases == {"ask": "Succeeded", "b": "Pending"}

    world.edit(flow(*gated))
    world.finish()
    assert world.started_at("b") == [11]


def test_it_is_still_suspended_after_a_restart() -> None:
    world = World(chain()).run(0.5)
    world.edit(chain(suspend=True))
    world.run(10)
    world.crash()
    world.run(10)

    assert world.ledger.phase is FlowPhase.SUSPENDED
    assert world.phases == {"a": "Succeeded", "b": "Pending"}
