"""The status: what people read, and all that a new operator needs."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.flows import START, flow, step
from engine.outcomes import fail, hang, succeed
from engine.world import World
from jobflows.api.status import Status
from jobflows.engine import (
    FAILURES_KEPT,
    FRESH,
    AttemptRef,
    Cause,
    FailedAttempt,
    FlowPhase,
    Grown,
    Ledger,
    Outcome,
    Reason,
    Spent,
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
counts = st.integers(0, 99)
amounts = st.none() | st.integers(1, 2**45)
grown = st.builds(Grown, memory=amounts, cpu=amounts, timeout=st.none() | st.integers(1, 10**6))
failures = st.builds(
    FailedAttempt,
    number=counts,
    cause=st.sampled_from(Cause),
    reason=reasons,
    exit_code=st.none() | st.integers(1, 255),
    resources=grown,
)
records = st.builds(
    StepRecord,
    phase=st.sampled_from(StepPhase),
    reason=reasons,
    message=words,
    attempt=counts,
    spent=st.builds(Spent, counts, counts, counts, counts),
    resources=grown,
    failures=st.lists(failures, max_size=FAILURES_KEPT).map(tuple),
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


@given(handler=records, phase=st.sampled_from(FlowPhase), reason=reasons, message=words)
def test_an_outcome_is_read_back(
    handler: StepRecord, phase: FlowPhase, reason: str, message: str
) -> None:
    one = flow(step("a"), on_exit=[step("clean")])
    done = StepRecord(phase=StepPhase.FAILED, reason="Error")
    ledger = Ledger(steps=(done, handler), outcome=Outcome(phase, reason, message))

    assert read_status(one, write_status(one, ledger, START)) == ledger


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


NAMES = [f"extract-{i:03d}" if i % 3 else f"s{i}" for i in range(600)]
SIX_HUNDRED = flow(*(step(name) for name in NAMES))
finals = st.builds(
    StepRecord,
    phase=st.sampled_from([StepPhase.SUCCEEDED, StepPhase.SKIPPED, StepPhase.RUNNING]),
    reason=st.just("Completed"),
    message=st.sampled_from(["", "step a did not succeed"]),
    attempt=st.integers(0, 2),
    spent=st.builds(Spent, st.integers(0, 1)),
    started=moments,
    finished=moments,
    job=st.just(AttemptRef("flow-a-1", "uid")),
)


@settings(max_examples=30)
@given(
    pool=st.lists(st.just(FRESH) | finals | records, min_size=1, max_size=8),
    seed=st.integers(0, 2**16),
    began=st.none() | st.just(START + 0.25),
)
def test_the_status_of_a_large_flow_read_back_gives_the_same_steps(
    pool: list[StepRecord], seed: int, began: float | None
) -> None:
    chance = random.Random(seed)

    def later(moment: float | None) -> float | None:
        return None if moment is None else moment + chance.randrange(-50, 50_000) / 10

    steps = [chance.choice(pool) for _ in NAMES]
    steps = [
        r if r is FRESH else replace(r, started=later(r.started), finished=later(r.finished))
        for r in steps
    ]
    ledger = Ledger(steps=tuple(steps), started=began)

    status = json.loads(json.dumps(write_status(SIX_HUNDRED, ledger, START)))
    again = read_status(SIX_HUNDRED, status)

    for before, after in zip(ledger.steps, again.steps, strict=True):
        assert replace(after, started=None, finished=None, job=None) == replace(
            before, started=None, finished=None, job=None
        )
        for one, other in ((before.started, after.started), (before.finished, after.finished)):
            assert (one is None) == (other is None)
            assert one is None or other is None or abs(one - other) < 0.051
    assert write_status(SIX_HUNDRED, again, START)["steps"] == status["steps"], "not stable"
    Status.model_validate({k: v for k, v in status.items() if v is not None})


def test_steps_of_a_large_flow_are_known_by_name_after_an_edit() -> None:
    done = StepRecord(
        phase=StepPhase.SUCCEEDED, reason=Reason.COMPLETED, attempt=1, started=START, finished=START
    )
    ledger = Ledger(steps=(done,) * 300 + (FRESH,) * 300, started=START)
    edited = flow(*(step(name) for name in reversed(NAMES[100:])), step("new"))

    again = read_status(edited, write_status(SIX_HUNDRED, ledger, START))

    succeeded = {
        name
        for name, record in zip(edited.graph.names, again.steps, strict=True)
        if record.phase is StepPhase.SUCCEEDED
    }
    assert succeeded == set(NAMES[100:300])


def test_a_large_flow_says_the_same_once_and_what_is_special_in_full() -> None:
    done = StepRecord(
        phase=StepPhase.SUCCEEDED,
        reason=Reason.COMPLETED,
        attempt=1,
        started=START + 3,
        finished=START + 4.5,
        job=AttemptRef("flow-s0-1", "uid"),
    )
    skipped = StepRecord(
        phase=StepPhase.SKIPPED,
        reason=Reason.DEPENDENCY_FAILED,
        message="step s9 did not succeed",
        finished=START + 100,
    )
    failed = replace(done, phase=StepPhase.FAILED, reason="Error", message="exit code 1")
    special = replace(done, spent=Spent(retries=1), outputs={"rows": "1"})
    said = [replace(done, outputs={"x y": f'"{i} {{+@~'}) for i in range(9)]
    steps = [done] * 12 + [skipped] * 12 + [failed] * 2 + said + [special] + [FRESH] * 564

    status = write_status(SIX_HUNDRED, Ledger(steps=steps, started=START), START)
    written = status["steps"]

    assert [entry["name"] for entry in written] == [NAMES[i] for i in (0, 12, 24, 25, 35)]
    assert written[0]["alike"].startswith("extract-001@3+1.5 ~002@3+1.5 s3@3+1.5 extract-004@")
    assert written[1]["alike"].startswith("extract-013+100 ~014+100 s15+100")
    assert written[1]["reason"] == "DependencyFailed"
    assert "alike" not in written[2]
    assert written[0]["alike"].endswith(f' {NAMES[34]}@3+1.5{{"x\\u0020y":"\\"8\\u0020{{+@~"}}')
    assert written[4]["outputs"] == {"rows": "1"}
    assert written[4].get("jobRef") is None, "the Job of a finished step has the name it always has"
    assert [dict(r.outputs) for r in read_status(SIX_HUNDRED, status).steps] == [
        dict(r.outputs) for r in steps
    ]
