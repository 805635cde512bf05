"""Resources grow with each attempt that had too little, and never for another reason."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flows import flow, step
from engine.outcomes import evicted, fail, hang, out_of_memory, succeed
from engine.world import World
from jobflows.engine import UNGROWN, Cause, FlowPhase, Grown, StepPhase, fallback_for
from jobflows.engine.growth import grow

MI = 2**20


def growing(**resources: Any) -> dict[str, Any]:
    return {"resources": resources}


def sequence(start: str, times: int = 3, **memory: Any) -> list[str]:
    """What a step that starts from `start` has in its second attempt, its third and so on."""
    compiled = flow(step("a", memory=start, policy=growing(memory=memory))).steps[0]
    grown, seen = UNGROWN, []
    for _ in range(times):
        grown = grow(compiled, Cause.OUT_OF_MEMORY, grown, {})
        seen.append(grown.document().get("memory", start))
    return seen


def test_scenario_13_oom_growth() -> None:
    policy = growing(memory={"factor": 1.5})
    flaky = step("a", memory="100Mi", retries=2, policy=policy)
    world = World(flow(flaky), a=out_of_memory(needs="150Mi")).finish()
    assert world.asked("a") == [{}, {"memory": "150Mi"}]

    world = World(flow(flaky), a=out_of_memory(needs="200Mi")).finish()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.asked("a") == [{}, {"memory": "150Mi"}, {"memory": "225Mi"}]
    status = world.status["steps"][0]
    assert status["resources"] == {"memory": "225Mi"}
    assert status["failures"] == [
        {"attempt": 1, "cause": "OutOfMemory", "reason": "OOMKilled", "exitCode": 137},
        {
            "attempt": 2,
            "cause": "OutOfMemory",
            "reason": "OOMKilled",
            "exitCode": 137,
            "resources": {"memory": "150Mi"},
        },
    ]


def test_scenario_13_growth_ends_with_its_budget() -> None:
    policy = growing(memory={"factor": 1.5})
    world = World(flow(step("a", memory="1Gi", retries=2, policy=policy)), a=out_of_memory())
    world.finish()

    assert world.record("a").phase is StepPhase.FAILED
    assert world.asked("a") == [{}, {"memory": "1536Mi"}, {"memory": "2304Mi"}]


def test_scenario_14_scale_forms() -> None:
    assert sequence("8Gi", 2, factor=1.5) == ["12288Mi", "18432Mi"]
    assert sequence("8Gi", values=["12Gi", "18Gi"]) == ["12288Mi", "18432Mi", "18432Mi"]
    assert sequence("8Gi", factor=1.5, max="16Gi") == ["12288Mi", "16384Mi", "16384Mi"]

    plain = World(flow(step("a", memory="8Gi", retries=1)), a=[out_of_memory(), succeed()]).finish()
    assert plain.asked("a") == [{}, {}]


@pytest.mark.parametrize(
    ("start", "memory", "expected"),
    [
        ("500M", {"factor": 1.5}, "716Mi"),
        ("1", {"factor": 2}, "1Mi"),
        ("10Mi", {"factor": 1.1}, "11Mi"),
        ("1000Mi", {"factor": 1.001}, "1001Mi"),
        ("500M", {"values": ["1G"]}, "1000000000"),
        ("500M", {"factor": 4, "max": "600M"}, "600000000"),
        ("0.5Gi", {"factor": 3}, "1536Mi"),
    ],
)
def test_memory_grows_exactly(start: str, memory: dict[str, Any], expected: str) -> None:
    assert sequence(start, 1, **memory) == [expected]


@given(st.integers(1, 2**40), st.floats(1.001, 10), st.integers(1, 20))
def test_a_factor_always_makes_progress(start: int, factor: float, times: int) -> None:
    seen = [int(text.removesuffix("Mi")) for text in sequence(str(start), times, factor=factor)]
    assert all(later > earlier for earlier, later in pairwise(seen))
    assert seen[0] * MI > start


def test_scenario_18_step_timeout_growth() -> None:
    policy = growing(timeout={"factor": 2, "max": 10}, cpu={"factor": 1.5})
    slow = step("a", timeout=3, cpu="1", retries=3, policy=policy)
    world = World(flow(slow), a=succeed(after=9)).finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.started_at("a") == [0, 4, 11]
    assert world.asked("a") == [
        {},
        {"cpu": "1500m", "timeoutSeconds": 6},
        {"cpu": "2250m", "timeoutSeconds": 10},
    ]
    assert world.stopped == [("flow-a-1", 3), ("flow-a-2", 10)]
    reasons = [failed["reason"] for failed in world.status["steps"][0]["failures"]]
    assert reasons == ["StepTimeout", "StepTimeout"]


def test_the_grown_timeout_survives_a_restart() -> None:
    slow = step("a", timeout=3, retries=3, policy=growing(timeout={"values": [20]}))
    world = World(flow(slow), a=succeed(after=15)).run(6)
    world.crash()
    world.finish()

    assert world.started_at("a") == [0, 4]
    assert world.ledger.phase is FlowPhase.SUCCEEDED


POOLS = {
    "resources": {"memory": {"factor": 2, "max": "4Gi"}, "cpu": {"factor": 2}},
    "fallbacks": [
        {"nodeSelector": {"pool": "big"}, "max": {"memory": "8Gi"}},
        {"nodeSelector": {"pool": "huge"}, "max": {"memory": "20Gi"}},
    ],
}


def pools(world: World) -> list[str]:
    """Where each attempt of step a ran."""
    retry = world.flow.steps[0].retry
    places = (fallback_for(retry, world.resources["a", n]) for _, n, _ in world.starts)
    return ["" if place is None else place.node_selector["pool"] for place in places]


def test_scenario_15_fallbacks() -> None:
    heavy = step("a", memory="2Gi", cpu="1", retries=9, policy=POOLS)
    world = World(flow(heavy, backoffLimit=9), a=[out_of_memory()] * 6 + [succeed()]).finish()

    assert [asked.get("memory") for asked in world.asked("a")] == [
        None, "4096Mi", "8192Mi", "16384Mi", "20480Mi", "20480Mi", "20480Mi",
    ]  # fmt: skip
    assert pools(world) == ["", "", "big", "huge", "huge", "huge", "huge"]
    retries = [event.message for event in world.events if event.reason == "StepRetry"]
    assert retries[0].endswith("next in 1.0 s with memory 4096Mi")
    assert retries[1].endswith("next in 1.0 s with memory 8192Mi on a fallback")


def test_scenario_15_the_first_fallback_that_fits_is_taken() -> None:
    policy = {**POOLS, "resources": {"memory": {"factor": 8, "max": "4Gi"}}}
    world = World(flow(step("a", memory="2Gi", retries=3, policy=policy)))
    world.scripts["a"] = [out_of_memory(), succeed()]

    assert pools(world.finish()) == ["", "huge"]


def test_scenario_15_without_fallbacks_growth_ends_at_max() -> None:
    policy = growing(memory={"factor": 2, "max": "3Gi"})
    world = World(flow(step("a", memory="2Gi", retries=2, policy=policy)), a=out_of_memory())

    assert [asked.get("memory") for asked in world.finish().asked("a")] == [
        None, "3072Mi", "3072Mi",
    ]  # fmt: skip


def test_what_has_grown_stays_through_other_causes_and_restarts() -> None:
    policy = growing(memory={"factor": 2}, timeout={"factor": 2})
    script = [out_of_memory(), fail(), evicted(), hang(), fail(), succeed()]
    world = World(flow(step("a", memory="16Mi", timeout=5, retries=3, policy=policy)), a=script)
    for _ in range(40):
        world.run(0.5)
        world.crash()
    world.finish()

    twice = {"memory": "32Mi"}
    late = {"memory": "32Mi", "timeoutSeconds": 10}
    assert world.asked("a") == [{}, twice, twice, twice, late, late]


def test_a_growth_that_nobody_wrote_down_is_made_again() -> None:
    policy = growing(memory={"factor": 2})
    world = World(flow(step("a", memory="16Mi", retries=3, policy=policy)))
    world.scripts["a"] = [out_of_memory(), out_of_memory(), out_of_memory(after=5), succeed()]
    world.writes = lambda: False
    world.run(5)
    assert len(world.starts) == 3
    world.crash()
    world.writes = lambda: True
    world.finish()

    assert [asked.get("memory") for asked in world.asked("a")] == [None, "32Mi", "64Mi", "128Mi"]


def test_steps_of_one_template_do_not_drive_each_other_up() -> None:
    policy = growing(memory={"factor": 2})
    steps = [step(name, memory="16Mi", retries=3, policy=policy) for name in ("a", "b")]
    world = World(flow(*steps), a=out_of_memory(needs="64Mi"), b=[out_of_memory(), succeed()])
    world.finish()

    assert world.record("a").resources == Grown(memory=64 * MI)
    assert world.record("b").resources == Grown(memory=32 * MI)


def test_the_start_may_come_from_a_parameter() -> None:
    policy = growing(memory={"factor": 2})
    heavy = step("a", memory="{{ parameters.size }}", retries=1, policy=policy)
    world = World(flow(heavy, parameters={"size": "3Gi"}), a=[out_of_memory(), succeed()]).finish()

    assert world.asked("a") == [{}, {"memory": "6144Mi"}]


def test_an_edit_that_asks_for_more_is_where_growth_goes_on() -> None:
    policy = growing(memory={"factor": 2})
    script = [out_of_memory(), out_of_memory(), succeed()]
    world = World(flow(step("a", memory="16Mi", retries=3, policy=policy)), a=script).run(2.5)
    world.edit(flow(step("a", memory="100Mi", retries=3, policy=policy)))
    world.finish()

    assert world.asked("a") == [{}, {"memory": "32Mi"}, {"memory": "200Mi"}]
