"""The status: what people read, and all that a new operator needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flows import START, flow, step
from engine.outcomes import fail, hang, succeed
from engine.world import World
from jobflows.api.status import Status
from jobflows.engine import (
    AttemptRef,
    FlowPhase,
    Ledger,
    Reason,
    StepPhase,
    StepRecord,
    conditions,
    invalid_conditions,
    read_status,
    write_status,
)

moments = st.none() | st.integers(0, 2**33).map(lambda n: START + n / 8)
words = st.text(max_size=50)
reasons = st.sampled_from([str(reason) for reason in Reason] + [""])
records = st.builds(
    StepRecord,
    phase=st.sampled_from(StepPhase),
    reason=reasons,
    message=words,
    attempt=st.integers(0, 99),
    retries=st.integers(0, 99),
    losses=st.integers(0, 99),
    started=moments,
    finished=moments,
    retry_at=moments,
    job=st.none() | st.builds(AttemptRef, st.text(min_size=1, max_size=63), words),
    outputs=st.dictionaries(st.text(min_size=1, max_size=9), words, max_size=3),
).filter(lambda record: record.phase is not StepPhase.SUCCEEDED or record.reason != "")
THREE = flow(step("a"), step("b"), step("c"))


@given(
    steps=st.tuples(records, records, records),
    phase=st.sampled_from(FlowPhase),
    reason=reasons,
    message=words,
    started=moments,
    finished=moments,
)
def test_a_status_read_back_gives_the_same_ledger(
    steps: tuple[StepRecord, ...], **fields: Any
) -> None:
    ledger = Ledger(steps=steps, **fields)

    status = write_status(THREE, ledger, START)
    assert read_status(THREE, status) == ledger
    assert read_status(THREE, {k: v for k, v in status.items() if v is not None}) == ledger


@pytest.mark.parametrize("seconds", [0, 0.5, 1, 2, 3.5, 4, 20])
def test_a_status_at_any_moment_of_a_flow_is_whole_and_valid(seconds: float) -> None:
    steps = (
        step("a", retries=2),
        step("b", "a", timeout=3, may_fail=True),
        step("ask", manual=True),
        step("c", "b ask"),
    )
    world = World(flow(*steps), a=[fail(), succeed()], b=hang())
    world.run(seconds)

    Status.model_validate({k: v for k, v in world.status.items() if v is not None})
    running = [replace(record, attempt_started=None) for record in world.ledger.steps]
    assert list(read_status(world.flow, world.status).steps) == running


def test_an_empty_status_is_an_empty_ledger() -> None:
    ledger = read_status(THREE, {})

    assert ledger.phase is FlowPhase.PENDING
    assert list(ledger.steps) == [StepRecord()] * 3


def test_a_success_for_a_special_reason_says_so_and_a_plain_one_does_not() -> None:
    world = World(flow(step("ask", manual=True), step("a")))
    world.approvals["ask"] = True
    world.finish()

    assert world.status["steps"][0]["reason"] == "Approved"
    assert "reason" not in world.status["steps"][1]


def test_long_messages_are_cut() -> None:
    ledger = Ledger(message="m" * 5000, steps=[StepRecord(message="x" * 5000)] * 3)
    status = write_status(THREE, ledger, START)

    assert len(status["message"]) == 1024
    assert len(status["steps"][0]["message"]) == 1024


def test_progress_counts_every_final_step() -> None:
    steps = (step("a"), step("b", when="never"), step("c"), step("d", "c"), step("e"))
    world = World(flow(*steps), c=fail(), e=hang()).run(5)

    assert world.status["progress"] == {
        "completedSteps": 4,
        "totalSteps": 5,
        "successfulSteps": 1,
        "failedSteps": 1,
        "skippedSteps": 2,
        "summary": "4/5",
    }


def test_the_estimated_end_follows_the_longest_path_that_is_left() -> None:
    names = ("a", "b", "c", "d")
    chain = flow(*(step(n, names[i - 1] if i else "") for i, n in enumerate(names)), step("x"))
    world = World(chain, **{n: succeed(10) for n in (*names, "x")})
    world.run(5)
    assert world.status["estimatedCompletionTime"] is None

    world.run(5)
    assert world.status["estimatedCompletionTime"] == "1970-01-12T13:47:20Z"  # START + 40
    world.finish()
    assert world.status["estimatedCompletionTime"] is None
    assert world.elapsed == 40


def moved(ledger: Ledger, now: float, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return conditions(ledger, 1, now, before)


def test_conditions_move_only_when_they_change() -> None:
    running = Ledger(phase=FlowPhase.RUNNING, reason=Reason.STARTED)
    first = moved(running, START, [])
    assert [(c["type"], c["status"]) for c in first] == [
        ("Valid", "True"),
        ("Succeeded", "Unknown"),
    ]

    second = moved(replace(running, reason=Reason.SUSPENDED, message="x"), START + 5, first)
    assert [c["lastTransitionTime"] for c in second] == [c["lastTransitionTime"] for c in first]
    assert second[1]["reason"] == Reason.SUSPENDED

    done = replace(running, phase=FlowPhase.SUCCEEDED, reason=Reason.COMPLETED)
    third = moved(done, START + 9, second)
    assert third[0] == first[0]
    assert third[1]["status"] == "True"
    assert third[1]["lastTransitionTime"] != first[1]["lastTransitionTime"]
    assert moved(done, START + 99, third) == third


def test_an_invalid_flow_has_the_same_conditions_however_often_it_is_looked_at() -> None:
    first = invalid_conditions(["no steps", "x"], generation=1, now=START, final=True)
    again = invalid_conditions(
        ["no steps", "x"], generation=1, now=START + 60, final=True, before=first
    )

    assert again == first
    assert [(c["type"], c["status"], c["reason"]) for c in first] == [
        ("Valid", "False", "Invalid"),
        ("Succeeded", "False", "Invalid"),
    ]
    assert first[0]["message"] == "no steps; x"
