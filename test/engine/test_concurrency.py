"""concurrencyPolicy: flows of one group."""

from __future__ import annotations

import pytest

from engine.flows import START, flow, step
from engine.outcomes import hang
from engine.world import World
from jobflows.engine import CompiledFlow, FlowPhase, Peer, Reason


def mine(policy: str, **fields: object) -> CompiledFlow:
    return flow(step("a"), concurrencyPolicy=policy, concurrencyGroup="g", uid="m", **fields)  # type: ignore[arg-type]


def peer(age: float, *, replaces: bool = False, uid: str = "p", name: str = "other") -> Peer:
    return Peer(uid, name, START - age, FlowPhase.RUNNING, replaces)


OLDER, YOUNGER = peer(10), peer(-10)
REPLACER = peer(-10, replaces=True)


@pytest.mark.parametrize(
    ("policy", "peers", "phase"),
    [
        ("Allow", [OLDER], FlowPhase.RUNNING),
        ("Allow", [YOUNGER], FlowPhase.RUNNING),
        ("Forbid", [], FlowPhase.RUNNING),
        ("Forbid", [OLDER], FlowPhase.PENDING),
        ("Forbid", [YOUNGER], FlowPhase.RUNNING),
        ("Replace", [OLDER], FlowPhase.PENDING),
        ("Replace", [YOUNGER], FlowPhase.RUNNING),
        ("Allow", [REPLACER], FlowPhase.FAILED),
        ("Forbid", [REPLACER], FlowPhase.FAILED),
        ("Replace", [REPLACER], FlowPhase.FAILED),
        ("Forbid", [OLDER, REPLACER], FlowPhase.FAILED),
        ("Forbid", [peer(0, uid="a")], FlowPhase.PENDING),
        ("Forbid", [peer(0, uid="z")], FlowPhase.RUNNING),
    ],
)
def test_age_and_then_uid_decide_who_runs(policy: str, peers: list[Peer], phase: FlowPhase) -> None:
    world = World(mine(policy), a=hang())
    world.peers = peers
    world.run(5)

    assert world.ledger.phase is phase


def test_a_waiting_flow_says_for_whom_and_goes_when_they_are_gone() -> None:
    world = World(mine("Forbid"))
    world.peers = [peer(n, uid=f"p{n}", name=f"flow-{n}") for n in range(1, 6)]
    world.run(100)
    assert world.ledger.reason == Reason.WAITING_FOR_FLOW
    assert "flow-1, flow-2, flow-3 and 2 more" in world.ledger.message
    assert world.ledger.started is None

    world.peers = []
    world.finish()
    assert world.started_at("a") == [100]
    assert world.ledger.started == START + 100


def test_a_running_flow_is_stopped_by_a_newer_one_that_replaces() -> None:
    world = World(mine("Allow"), a=hang()).run(5)
    world.peers = [peer(-5, replaces=True, name="new")]
    world.finish()

    assert world.ledger.reason == Reason.REPLACED
    assert "new" in world.ledger.message
    assert world.phases == {"a": "Failed"}
    assert world.stopped == [("flow-a-1", 5)]


def test_a_running_flow_does_not_stop_for_an_older_one_that_turns_up() -> None:
    world = World(mine("Forbid"), a=hang()).run(5)
    world.peers = [OLDER]
    world.run(5)

    assert world.phases == {"a": "Running"}


def test_a_flow_whose_last_step_succeeds_as_it_is_replaced_has_succeeded() -> None:
    world = World(mine("Allow")).run(0.5)
    world.now += 0.5
    world.peers = [REPLACER]
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_flows_without_a_group_are_alone() -> None:
    world = World(flow(step("a"), concurrencyPolicy="Forbid"))
    world.peers = [OLDER, REPLACER]
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED


@pytest.mark.parametrize("gate", ["peer", "suspend"])
def test_a_flow_with_jobs_has_begun_even_if_its_status_was_never_written(gate: str) -> None:
    world = World(mine("Forbid"), a=hang())
    world.writes = lambda: False
    world.run(5)
    world.crash()
    if gate == "peer":
        world.peers = [OLDER]
    else:
        world.edit(mine("Forbid", suspend=True))
    world.run(5)

    assert world.phases == {"a": "Running"}
    assert world.ledger.started == START
    assert len(world.starts) == 1
