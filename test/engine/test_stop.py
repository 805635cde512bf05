"""A person ends a flow: `stop`, and `terminate`, which is the same without exit handlers."""

from __future__ import annotations

import pytest

from engine.flows import flow, step
from engine.outcomes import fail, hang, succeed
from engine.world import World
from jobflows.engine import FlowPhase, Reason, StopMode, StopRequest
from jobflows.engine.stopping import read_stop

BOTH = pytest.mark.parametrize(
    ("mode", "reason"),
    [(StopMode.STOP, Reason.STOPPED), (StopMode.TERMINATE, Reason.TERMINATED)],
)


@BOTH
def test_what_runs_is_stopped_and_the_rest_is_skipped(mode: StopMode, reason: Reason) -> None:
    wait = {"type": "Fixed", "duration": "1h", "jitter": 0.0}
    steps = (
        step("done"),
        step("runs", "done"),
        step("waits", retries=1, backoff=wait),
        step("ask", manual=True),
        step("next", "runs"),
    )
    world = World(flow(*steps), runs=hang(), waits=fail()).run(5)
    world.stop = StopRequest(mode, "by hand")
    world.finish()

    assert world.elapsed == 5
    assert world.phases == {
        "done": "Succeeded",
        "runs": "Failed",
        "waits": "Failed",
        "ask": "Failed",
        "next": "Skipped",
    }
    assert {world.record(n).reason for n in ("runs", "waits", "ask", "next")} == {reason}
    assert world.stopped == [("flow-runs-1", 5)]
    assert world.ledger.phase is FlowPhase.FAILED
    assert (world.ledger.reason, world.ledger.message) == (reason, "by hand")


@BOTH
def test_a_flow_that_is_suspended_from_the_start_can_be_stopped(
    mode: StopMode, reason: Reason
) -> None:
    world = World(flow(step("a"), suspend=True)).run(5)
    world.stop = StopRequest(mode, "by hand")
    world.finish()

    assert world.ledger.reason == reason
    assert world.phases == {"a": "Skipped"}


def test_a_flow_that_is_suspended_on_its_way_can_be_stopped() -> None:
    steps = (step("a"), step("b", "a"))
    world = World(flow(*steps)).run(0)
    world.edit(flow(*steps, suspend=True))
    world.run(3)
    world.stop = StopRequest(StopMode.STOP, "by hand")
    world.finish()

    assert world.phases == {"a": "Succeeded", "b": "Skipped"}


def test_a_stop_is_not_forgotten_when_its_request_is_gone() -> None:
    world = World(flow(step("a"), step("b", "a")), a=hang()).run(5)
    world.stop = StopRequest(StopMode.STOP, "by hand")
    world.tick()
    world.stop = None
    world.crash()
    world.run(10)

    assert world.ledger.reason == Reason.STOPPED
    assert world.started_at("b") == []


def test_what_ended_before_anybody_looked_keeps_its_end() -> None:
    world = World(flow(step("a"), step("b", "a")), a=succeed(after=5)).run(1)
    world.now += 10
    world.stop = StopRequest(StopMode.STOP, "by hand")
    world.finish()

    assert world.phases == {"a": "Succeeded", "b": "Skipped"}


def test_a_flow_whose_steps_are_done_cannot_be_stopped() -> None:
    world = World(flow(step("a")), a=succeed(after=5)).run(1)
    world.now += 10
    world.stop = StopRequest(StopMode.STOP, "by hand")
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_finished_flow_cannot_be_stopped() -> None:
    world = World(flow(step("a"))).run(1)
    world.stop = StopRequest(StopMode.STOP, "by hand")
    world.run(1)

    assert world.ledger.phase is FlowPhase.SUCCEEDED


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        ("stop", StopMode.STOP),
        (" Stop ", StopMode.STOP),
        ("terminate", StopMode.TERMINATE),
        ("", None),
        ("true", None),
        ("kill", None),
    ],
)
def test_words_of_the_annotation(value: str, mode: StopMode | None) -> None:
    request = read_stop(value)

    assert (request.mode if request else None) is mode
