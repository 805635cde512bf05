"""Events: one per transition, repeats in a series, never in the way of the caller."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from jobflows.cluster import EventRecorder, ObjectRef, Request
from jobflows.cluster.events import EventStats
from model.virtual_time import Clock, run
from unit.cluster_adapter.scripted import LOST, ScriptedTransport, client, refusal

FLOW = ObjectRef("workflow.kube-zen.io/v1alpha1", "JobFlow", "default", "flow", "u1", "5")


def record(
    transport: ScriptedTransport,
    tell: Callable[[EventRecorder], Coroutine[Any, Any, None]],
    **more: Any,
) -> EventStats:
    async def scenario(clock: Clock) -> EventStats:
        recorder = EventRecorder(client(transport), "jobflow-operator", "pod-1", clock, **more)
        await tell(recorder)
        await recorder.close()
        return recorder.stats

    return run(lambda clock, _random: scenario(clock))


def body(request: Request) -> dict[str, Any]:
    assert request.body is not None
    return dict(json.loads(request.body))


def test_a_transition_becomes_one_event_about_its_object() -> None:
    transport = ScriptedTransport()

    async def tell(recorder: EventRecorder) -> None:
        recorder.record(FLOW, "StepFailed", "step a failed", type="Warning", action="RunStep")
        assert transport.requests == [], "the caller does not wait for the write"

    record(transport, tell)
    (request,) = transport.requests
    assert request.path == "/apis/events.k8s.io/v1/namespaces/default/events"
    event = body(request)
    assert event["metadata"]["name"].startswith("flow.")
    assert event["eventTime"] == "2023-11-14T22:13:20.000000Z"
    assert event["regarding"]["uid"] == "u1"
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "StepFailed", "RunStep")
    assert (event["reportingController"], event["reportingInstance"]) == (
        "jobflow-operator",
        "pod-1",
    )
    assert "series" not in event


def test_repeats_are_counted_in_the_series_of_the_first() -> None:
    transport = ScriptedTransport()

    async def tell(recorder: EventRecorder) -> None:
        recorder.record(FLOW, "Waiting", "quota")
        await asyncio.sleep(1)
        for _ in range(4):
            recorder.record(FLOW, "Waiting", "quota")
        await asyncio.sleep(1)
        recorder.record(FLOW, "Waiting", "another note")

    record(transport, tell)
    assert [request.method for request in transport.requests] == ["POST", "PATCH", "POST"]
    series = body(transport.requests[1])["series"]
    assert series == {"count": 5, "lastObservedTime": "2023-11-14T22:13:21.000000Z"}


def test_a_series_ends_after_six_quiet_minutes() -> None:
    transport = ScriptedTransport()

    async def tell(recorder: EventRecorder) -> None:
        recorder.record(FLOW, "Waiting", "quota")
        await asyncio.sleep(400)
        recorder.record(FLOW, "Waiting", "quota")

    record(transport, tell)
    first, second = transport.requests
    assert (first.method, second.method) == ("POST", "POST")
    assert body(first)["metadata"]["name"] != body(second)["metadata"]["name"]


def test_an_expired_event_is_made_anew_with_its_count() -> None:
    transport = ScriptedTransport(refusal(201, ""), refusal(404, "NotFound"))

    async def tell(recorder: EventRecorder) -> None:
        recorder.record(FLOW, "Waiting", "quota")
        await asyncio.sleep(1)
        recorder.record(FLOW, "Waiting", "quota")

    record(transport, tell)
    assert [request.method for request in transport.requests] == ["POST", "PATCH", "POST"]
    assert body(transport.requests[2])["series"]["count"] == 2


def test_an_object_that_talks_too_much_is_cut() -> None:
    transport = ScriptedTransport()

    async def tell(recorder: EventRecorder) -> None:
        for number in range(100):
            recorder.record(FLOW, "Chatter", f"note {number}")
        await asyncio.sleep(301)
        recorder.record(FLOW, "Chatter", "later")

    stats = record(transport, tell)
    assert len(transport.requests) == 26
    assert (stats.written, stats.dropped) == (26, 75)


def test_a_full_queue_drops_instead_of_growing() -> None:
    transport = ScriptedTransport()

    async def tell(recorder: EventRecorder) -> None:
        for number in range(10):
            other = ObjectRef("batch/v1", "Job", "default", f"j{number}", f"uid-{number}")
            recorder.record(other, "Made", "it")

    assert record(transport, tell, capacity=4).dropped == 6


def test_failures_are_counted_and_the_next_event_is_written() -> None:
    transport = ScriptedTransport(LOST, LOST)

    async def tell(recorder: EventRecorder) -> None:
        recorder.record(FLOW, "A", "a")
        recorder.record(FLOW, "B", "b")

    stats = record(transport, tell)
    assert (stats.failed, stats.written) == (1, 1)


def test_an_event_that_exists_already_is_our_own_lost_answer() -> None:
    transport = ScriptedTransport(LOST, refusal(409, "AlreadyExists"))

    async def tell(recorder: EventRecorder) -> None:
        recorder.record(FLOW, "A", "a")

    assert record(transport, tell).written == 1


def test_long_notes_are_cut_by_bytes() -> None:
    transport = ScriptedTransport()

    async def tell(recorder: EventRecorder) -> None:
        recorder.record(FLOW, "A", "é" * 2000)

    record(transport, tell)
    note = body(transport.requests[0])["note"]
    assert 1020 < len(note.encode()) <= 1024


def stuck(end: Callable[[EventRecorder], Awaitable[None]]) -> int:
    """How many of two events, and one after the end, are dropped if nothing is ever answered."""
    transport = ScriptedTransport()
    transport.seconds = 1e6

    async def tell(recorder: EventRecorder) -> None:
        recorder.record(FLOW, "A", "a")
        recorder.record(FLOW, "B", "b")
        await asyncio.sleep(1)
        await end(recorder)
        recorder.record(FLOW, "C", "c")

    stats = record(transport, tell)
    assert len(transport.requests) == 1
    return stats.dropped


def test_closing_waits_a_while_for_a_stuck_server_and_then_gives_up() -> None:
    async def end(recorder: EventRecorder) -> None:
        await recorder.close(timeout=2.0)
        assert asyncio.get_running_loop().time() == 3.0

    assert stuck(end) == 2


def test_an_abandoned_recorder_leaves_nothing_behind() -> None:
    async def end(recorder: EventRecorder) -> None:
        recorder.abandon()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    assert stuck(end) == 1
