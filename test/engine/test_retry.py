"""Retries: how many, after which wait, and what is on record between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flows import flow, step
from engine.outcomes import fail, succeed
from engine.world import World
from jobflows.api.policy import Backoff
from jobflows.engine import FlowPhase, Reason, StepPhase
from jobflows.engine.retry import backoff_delay


def backoff(**fields: object) -> Backoff:
    return Backoff.model_validate({"jitter": 0.0, **fields})


@pytest.mark.parametrize(
    ("fields", "waits"),
    [
        ({"type": "Exponential", "duration": "1s"}, [1, 2, 4, 8]),
        ({"type": "Exponential", "duration": "2s", "factor": 3.0}, [2, 6, 18, 54]),
        ({"type": "Exponential", "duration": "2s", "factor": 1.0}, [2, 2, 2, 2]),
        ({"type": "Linear", "duration": "3s"}, [3, 6, 9, 12]),
        ({"type": "Fixed", "duration": "500ms"}, [0.5, 0.5, 0.5, 0.5]),
        ({"type": "Exponential", "duration": "1s", "maxDuration": "3s"}, [1, 2, 3, 3]),
        ({"duration": "2h"}, [7200, 7200, 7200, 7200]),
    ],
)
def test_waits_grow_as_their_type_says(fields: dict[str, object], waits: list[float]) -> None:
    assert [backoff_delay(backoff(**fields), n, "x") for n in range(4)] == waits


@pytest.mark.parametrize("retry", [60, 1023, 1024, 100_000])
@pytest.mark.parametrize("jitter", [0.0, 0.1])
def test_the_wait_stays_at_its_cap_however_often_it_doubles(retry: int, jitter: float) -> None:
    policy = backoff(duration="10s", maxDuration="5m", jitter=jitter)

    assert backoff_delay(policy, retry, "x") == 300


@given(retry=st.integers(0, 50), identity=st.text(max_size=20), jitter=st.floats(0, 1))
def test_jitter_only_lengthens_a_wait_and_never_above_its_share_or_the_cap(
    retry: int, identity: str, jitter: float
) -> None:
    plain = backoff_delay(backoff(), retry, identity)
    wait = backoff_delay(backoff(jitter=jitter), retry, identity)

    assert plain <= wait <= min(plain * (1 + jitter), 3600)


def test_jitter_spreads_steps_that_fail_together() -> None:
    waits = {backoff_delay(backoff(jitter=1.0), 0, f"uid/step-{n}/1") for n in range(1000)}

    assert len(waits) > 990
    assert max(waits) - min(waits) > 0.9


def test_a_failed_attempt_is_followed_by_another_one_after_its_wait() -> None:
    world = World(flow(step("a", retries=3)), a=[fail(), fail(), succeed()]).finish()

    assert world.started_at("a") == [0, 2, 4]
    assert [number for _, number, _ in world.starts] == [1, 2, 3]
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.record("a").retries == 2


def test_exponential_waits_count_from_the_failure() -> None:
    wait = {"duration": "1s", "jitter": 0.0}
    world = World(flow(step("a", retries=3, backoff=wait)), a=fail()).finish()

    assert world.started_at("a") == [0, 2, 5, 10]


def test_a_waiting_step_says_why_and_until_when() -> None:
    world = World(flow(step("a", retries=1)), a=fail(7)).run(1)

    record = world.record("a")
    assert record.phase is StepPhase.PENDING
    assert record.reason == Reason.BACKING_OFF
    assert "exited with 7" in record.message
    assert record.retry_at == world.now + 1
    assert world.last is not None
    assert world.last.wake_at == world.now + 1


def test_when_the_retries_are_used_up_the_step_has_failed() -> None:
    world = World(flow(step("a", retries=2), step("b", "a")), a=fail()).finish()

    assert len(world.starts) == 3
    assert world.phases == {"a": "Failed", "b": "Skipped"}
    assert "after 2 retries" in world.record("a").message


@pytest.mark.parametrize("settings", [{}, {"retries": 0}])
def test_without_retries_a_failure_is_final(settings: dict[str, int]) -> None:
    world = World(flow(step("a", retries=settings.get("retries"))), a=fail()).finish()

    assert len(world.starts) == 1
    assert world.phases == {"a": "Failed"}


def test_dependents_wait_for_the_retry() -> None:
    world = World(flow(step("a", retries=1), step("b", "a")), a=[fail(), succeed()]).finish()

    assert world.started_at("b") == [3]


def test_a_wait_goes_on_after_a_restart_of_the_operator() -> None:
    world = World(flow(step("a", retries=1)), a=[fail(), succeed()]).run(1.5)
    world.crash()
    world.finish()

    assert world.started_at("a") == [0, 2]
    assert world.record("a").retries == 1


def test_a_retry_keeps_the_first_start_on_record() -> None:
    world = World(flow(step("a", retries=1)), a=[fail(), succeed()]).finish()

    record = world.record("a")
    assert record.started is not None
    assert record.finished is not None
    assert record.finished - record.started == 3
