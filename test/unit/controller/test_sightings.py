"""What is seen of attempts: by step and number, news only when the engine would care."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.flows import flow, step
from jobflows.controller.sightings import Sightings
from jobflows.engine import Attempt, AttemptRef, AttemptState
from jobflows.manifests import labels
from jobflows.manifests.records import PodRecord
from unit.controller.objects import condition, job_record, pod_record

NOW = 1_767_225_700.0  # a minute and a half after the objects were born
AB = flow(step("a"), step("b", "a"), uid="flow-1")


def sightings() -> Sightings:
    seen = Sightings()
    seen.adopt(AB, NOW)
    assert seen.take_changes(NOW) is None  # at first everything is to be looked at
    return seen


def asked(number: int = 1, state: AttemptState = AttemptState.STARTING) -> Attempt:
    return Attempt(number=number, state=state, ref=AttemptRef(f"f-a-{number}"))


def states(seen: Sightings, index: int = 0) -> list[tuple[int, str]]:
    return [(attempt.number, str(attempt.state)) for attempt in seen.attempts.get(index, ())]


def test_a_job_is_news_and_what_changes_nothing_is_not() -> None:
    seen = sightings()
    assert seen.saw_job("a", 1, job_record(), NOW)
    assert seen.take_changes(NOW) == {0}
    assert not seen.saw_job("a", 1, job_record(resourceVersion="8"), NOW)
    assert not seen.saw_pod("a", 1, "pod-1", pod_record("Pending"), NOW)
    assert not seen.saw_pod("a", 1, "pod-1", pod_record("Running"), NOW)
    assert seen.take_changes(NOW) == set()
    assert seen.saw_pod("a", 1, "pod-1", pod_record("Succeeded"), NOW)
    assert states(seen) == [(1, "Succeeded")]
    assert not seen.saw_job("a", 1, job_record(conditions=(condition("Complete"),)), NOW)
    assert seen.take_changes(NOW) == {0}


def test_the_order_of_job_and_pod_does_not_matter() -> None:
    pod_first, job_first = sightings(), sightings()
    pod_first.saw_pod("a", 1, "pod-1", pod_record("Running"), NOW)
    assert states(pod_first) == [(1, "Stopping")]  # a pod whose Job is not known
    pod_first.saw_job("a", 1, job_record(), NOW)
    job_first.saw_job("a", 1, job_record(), NOW)
    job_first.saw_pod("a", 1, "pod-1", pod_record("Running"), NOW)
    assert pod_first.attempts == job_first.attempts


def test_a_request_stands_for_its_job_until_that_is_seen() -> None:
    seen = sightings()
    assert seen.request("a", asked(), NOW)
    assert seen.starting == 1
    assert states(seen) == [(1, "Starting")]
    assert seen.saw_job("a", 1, job_record(), NOW)
    assert seen.starting == 0  # its answer will be no news
    assert states(seen) == [(1, "Running")]
    assert not seen.settle("a", 1, NOW)
    assert seen.starting == 0


def test_a_request_that_is_settled_without_a_job_is_news() -> None:
    seen = sightings()
    seen.request("a", asked(), NOW)
    seen.saw_job("a", 1, job_record(), NOW)
    seen.saw_job("a", 1, None, NOW)
    assert states(seen) == [(1, "Starting")]
    assert seen.settle("a", 1, NOW)
    assert states(seen) == []


def test_attempts_are_told_oldest_first() -> None:
    seen = sightings()
    for number in (2, 10, 1):
        seen.saw_job("a", number, job_record(number=number, uid=f"job-{number}"), NOW)
    assert [number for number, _ in states(seen)] == [1, 2, 10]
    assert seen.saw_job("a", 2, None, NOW)
    assert [number for number, _ in states(seen)] == [1, 10]


def test_a_gone_job_and_its_pods_leave_nothing() -> None:
    seen = sightings()
    seen.saw_job("a", 1, job_record(), NOW)
    seen.saw_pod("a", 1, "pod-1", pod_record("Running"), NOW)
    seen.saw_job("a", 1, None, NOW)
    assert states(seen) == [(1, "Stopping")]
    seen.saw_pod("a", 1, "pod-1", None, NOW)
    assert seen.is_empty
    assert not seen.attempts


def test_another_spec_moves_the_indices_and_finds_the_strays() -> None:
    seen = sightings()
    seen.saw_job("a", 1, job_record(), NOW)
    seen.saw_job("b", 1, job_record("b", uid="job-b"), NOW)
    assert not seen.strays()
    seen.adopt(flow(step("new"), step("b"), uid="flow-1"), NOW)
    assert seen.take_changes(NOW) is None
    assert states(seen, 1) == [(1, "Running")]
    assert [stray.ref.name for stray in seen.strays()] == ["f-a-1"]
    seen.saw_job("a", 1, None, NOW)
    assert not seen.strays()
    seen.saw_job("a", 2, job_record(number=2), NOW)
    assert [stray.ref.name for stray in seen.strays()] == ["f-a-2"]
    seen.adopt(AB, NOW)
    assert not seen.strays()
    assert states(seen, 0) == [(2, "Running")]


def test_detail_that_is_on_its_way_is_looked_at_again_in_time() -> None:
    seen = sightings()
    failed = condition("Failed", "BackoffLimitExceeded", at="2026-01-01T00:01:40Z")
    seen.saw_job("a", 1, job_record(conditions=(failed,)), NOW)
    assert states(seen) == [(1, "Running")]
    seen.take_changes(NOW)
    assert seen.take_changes(NOW + 1) == set()
    assert seen.take_changes(NOW + 3) == {0}
    assert states(seen) == [(1, "Failed")]


def test_a_released_flow_is_seen_again_with_all_that_the_informers_told() -> None:
    seen = sightings()
    seen.saw_job("a", 1, job_record(), NOW)
    seen.saw_pod("a", 1, "pod-1", pod_record("Succeeded"), NOW)
    before = seen.attempts
    seen.release()
    assert not seen.attempts
    assert not seen.is_live
    seen.adopt(AB, NOW)
    assert seen.attempts == before


def test_a_batch_whose_pods_have_all_been_replaced_is_looked_at_again() -> None:
    seen, tasks = sightings(), {labels.TASKS: "0-2"}
    for ready, news in ((3, True), (2, False), (0, True), (0, False)):
        job = job_record(status={"active": 3, "ready": ready}, annotations=tasks)
        assert seen.saw_job("a", 1, job, NOW) is news
    assert seen.attempts[0][0].recheck_at is not None


def test_a_plan_that_failed_looks_at_everything_again() -> None:
    seen = sightings()
    assert seen.take_changes(NOW) == set()
    seen.look_again()
    assert seen.take_changes(NOW) is None


UNSCHEDULED = {"type": "PodScheduled", "status": "False", "message": "no node"}
JOBS = st.sampled_from(
    [
        job_record(),
        job_record(resourceVersion="8"),
        job_record(conditions=(condition("Complete", at="2026-01-01T00:01:40Z"),)),
        job_record(conditions=(condition("Failed", "BackoffLimitExceeded"),)),
        job_record(uid="job-2"),
        None,
    ]
)
PODS = st.sampled_from(
    [
        pod_record("Pending"),
        pod_record("Pending", status={"conditions": [UNSCHEDULED]}),
        pod_record("Running"),
        pod_record("Succeeded"),
        pod_record("Failed"),
        None,
    ]
)


@given(st.lists(st.tuples(st.integers(1, 2), JOBS | PODS | st.just("asked") | st.just("settled"))))
def test_what_is_passed_over_would_have_changed_nothing(news: list[tuple[int, Any]]) -> None:
    seen = sightings()
    for number, said in news:
        if said == "asked":
            seen.request("a", asked(number), NOW)
        elif said == "settled":
            seen.settle("a", number, NOW)
        elif isinstance(said, PodRecord):
            seen.saw_pod("a", number, said.metadata.uid, said, NOW)
        else:
            seen.saw_job("a", number, said, NOW)
        attempts, room = dict(seen.attempts), seen.room
        seen.adopt(AB, NOW)
        assert (attempts, room) == (seen.attempts, seen.room)
