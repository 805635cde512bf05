"""Calls: paths and bodies, what is retried and for how long, what is raised."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from jobflows.cluster import (
    JOBFLOWS,
    JOBS,
    PODS,
    ApiError,
    Limiter,
    Response,
    TransportError,
    WatchRefused,
)
from jobflows.cluster.errors import Cause
from unit.cluster_adapter.scripted import (
    LOST,
    ScriptedTransport,
    bookmark,
    client,
    obj,
    on_virtual_time,
    page,
    refusal,
)

OK = Response(200, b"{}")


def test_paths_name_group_namespace_object_and_subresource() -> None:
    assert PODS.path() == "/api/v1/pods"
    assert JOBS.path("a", "b") == "/apis/batch/v1/namespaces/a/jobs/b"
    expected = "/apis/workflow.kube-zen.io/v1alpha1/namespaces/a/jobflows/b/status"
    assert JOBFLOWS.path("a", "b", "status") == expected
    assert (PODS.api_version, JOBS.api_version) == ("v1", "batch/v1")


def test_bodies_are_sent_as_json_and_bytes_as_they_are() -> None:
    transport = ScriptedTransport()

    async def scenario() -> None:
        calls = client(transport)
        await calls.create(JOBS, "default", {"kind": "Job"})
        await calls.patch(JOBFLOWS, "default", "f", b'{"status":{}}', subresource="status")
        await calls.delete(JOBS, "default", "j", uid="u1")

    on_virtual_time(scenario)
    create, patch, delete = transport.requests
    assert (create.method, create.body) == ("POST", b'{"kind":"Job"}')
    assert (patch.method, patch.body) == ("PATCH", b'{"status":{}}')
    assert patch.content_type == "application/merge-patch+json"
    assert patch.path.endswith("/jobflows/f/status")
    assert delete.body is not None
    assert json.loads(delete.body) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": "u1"},
    }


def test_an_object_is_made_when_its_turn_has_come() -> None:
    transport = ScriptedTransport(OK, OK)
    made: list[float] = []

    async def scenario() -> None:
        def body() -> dict[str, str]:
            made.append(asyncio.get_running_loop().time())
            return {"kind": "Job"}

        calls = client(transport, Limiter(qps=0.1, burst=1))
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(calls.create(JOBS, "default", body) for _ in range(2)))
        assert [round(at - began, 3) for at in made] == [0.0, 10.0]

    on_virtual_time(scenario)
    assert [request.body for request in transport.requests] == [b'{"kind":"Job"}'] * 2


def test_all_pages_are_read_by_their_continue_tokens() -> None:
    transport = ScriptedTransport(page(5, obj("a", 1), more="t"), page(5, obj("b", 2)))

    async def scenario() -> list[bytes]:
        return [raw async for raw in client(transport).list_pages(JOBS, limit=1)]

    assert [
        json.loads(raw)["items"][0]["metadata"]["name"] for raw in on_virtual_time(scenario)
    ] == [
        "a",
        "b",
    ]
    assert transport.requests[1].query == {"limit": "1", "continue": "t"}


def test_an_expired_continue_token_is_gone_and_not_retried() -> None:
    transport = ScriptedTransport(page(5, more="t"), refusal(410, "Expired"))

    async def scenario() -> None:
        async for _ in client(transport).list_pages(JOBS):
            pass

    with pytest.raises(ApiError) as caught:
        on_virtual_time(scenario)
    assert caught.value.gone
    assert len(transport.requests) == 2


@pytest.mark.parametrize(
    "trouble",
    [LOST, *(refusal(code, "Trouble") for code in (429, 500, 502, 503, 504))],
    ids=lambda t: str(getattr(t, "status", "lost")),
)
def test_transient_trouble_is_retried_with_a_pause(trouble: Response | Exception) -> None:
    transport = ScriptedTransport(trouble, trouble, OK)

    async def scenario() -> bytes:
        return await client(transport).create(JOBS, "default", {})

    assert on_virtual_time(scenario) == b"{}"
    assert 0.0 < transport.times[1] < transport.times[2] < 1.0


@pytest.mark.parametrize(("attempts", "sent"), [(None, 5), (1, 1), (3, 3)])
def test_attempts_are_bounded(attempts: int | None, sent: int) -> None:
    transport = ScriptedTransport(*[LOST] * 9)

    async def scenario() -> None:
        await client(transport).get(JOBS, "default", "a", attempts=attempts)

    with pytest.raises(TransportError):
        on_virtual_time(scenario)
    assert len(transport.requests) == sent


def test_retry_after_is_the_least_to_wait() -> None:
    transport = ScriptedTransport(refusal(503, "Busy", 7.0), OK)

    async def scenario() -> None:
        await client(transport).get(JOBS, "default", "a")

    on_virtual_time(scenario)
    assert 7.0 <= transport.times[1] <= 7.2


def test_retry_after_is_read_from_the_body_too() -> None:
    body = {"code": 429, "reason": "TooManyRequests", "details": {"retryAfterSeconds": 3}}
    assert ApiError.from_response(Response(429, json.dumps(body).encode())).retry_after == 3.0


def test_a_429_holds_other_writes_back_as_well_but_no_reads() -> None:
    transport = ScriptedTransport(refusal(429, "TooManyRequests", 10.0))

    async def scenario() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        calls = client(transport, Limiter(1000, 10, 10))
        first = asyncio.create_task(calls.create(JOBS, "default", {}))
        await asyncio.sleep(0.01)
        await calls.get(JOBS, "default", "a")
        read = loop.time()
        await calls.create(JOBS, "default", {})
        written = loop.time()
        await first
        return read, written

    read, written = on_virtual_time(scenario)
    assert read < 0.1
    assert written >= 10.0


def test_a_create_whose_answer_was_lost_meets_its_own_object() -> None:
    transport = ScriptedTransport(LOST, refusal(409, "AlreadyExists"))

    async def scenario() -> None:
        await client(transport).create(JOBS, "default", {})

    with pytest.raises(ApiError) as caught:
        on_virtual_time(scenario)
    assert caught.value.already_exists
    assert not caught.value.is_conflict


def test_what_is_wrong_for_good_is_raised_at_once_with_its_causes() -> None:
    body = {
        "code": 422,
        "reason": "Invalid",
        "message": "Job is invalid",
        "details": {"causes": [{"reason": "FieldValueRequired", "field": "spec"}]},
    }
    transport = ScriptedTransport(Response(422, json.dumps(body).encode()))

    async def scenario() -> None:
        await client(transport).create(JOBS, "default", {})

    with pytest.raises(ApiError, match="HTTP 422 Invalid: Job is invalid") as caught:
        on_virtual_time(scenario)
    assert caught.value.invalid
    assert caught.value.details.causes == [Cause(reason="FieldValueRequired", field="spec")]
    assert len(transport.requests) == 1


def test_a_body_that_is_no_status_still_tells_the_http_status() -> None:
    error = ApiError.from_response(Response(502, b"<html>bad gateway</html>"))
    assert error.retriable
    assert "bad gateway" in error.message


@pytest.mark.parametrize(
    ("status", "reason", "predicate"),
    [
        (401, "Unauthorized", "unauthorized"),
        (403, "Forbidden", "forbidden"),
        (404, "NotFound", "not_found"),
        (409, "Conflict", "is_conflict"),
        (409, "AlreadyExists", "already_exists"),
        (410, "Gone", "gone"),
        (422, "Invalid", "invalid"),
        (429, "TooManyRequests", "throttled"),
        (503, "ServiceUnavailable", "retriable"),
    ],
)
def test_errors_say_what_they_are(status: int, reason: str, predicate: str) -> None:
    assert getattr(ApiError(status, reason), predicate)
    assert not getattr(ApiError(418, "Teapot"), predicate)


def test_a_spent_quota_and_a_dying_namespace_are_told_from_other_refusals() -> None:
    quota = 'jobs.batch "a" is forbidden: exceeded quota: q, requested: count/jobs=1'
    assert ApiError(403, "Forbidden", quota).quota_exceeded
    body = {"reason": "Forbidden", "details": {"causes": [{"reason": "NamespaceTerminating"}]}}
    error = ApiError.from_response(Response(403, json.dumps(body).encode()))
    assert error.namespace_terminating
    assert not error.quota_exceeded


def test_every_attempt_is_reported_with_its_duration() -> None:
    seen: list[tuple[str, str, str, float]] = []
    transport = ScriptedTransport(LOST, OK, watches=[[bookmark(1)], [bookmark(1), 60.0]])
    transport.seconds = 0.25

    async def scenario() -> None:
        calls = client(transport, observe=lambda *what: seen.append(what))
        await calls.create(JOBS, "default", {})
        async for _ in calls.watch(JOBS):
            pass
        async with aclosing(calls.watch(JOBS)) as lines:
            async for _ in lines:
                break

    on_virtual_time(scenario)
    assert [what[:3] for what in seen] == [
        ("create", "jobs", "<error>"),
        ("create", "jobs", "200"),
        ("watch", "jobs", "200"),
        ("watch", "jobs", "200"),
    ]
    assert seen[1][3] == pytest.approx(0.25)


def test_a_refused_watch_is_an_api_error() -> None:
    transport = ScriptedTransport(watches=[[WatchRefused(refusal(410, "Expired"))]])

    async def scenario() -> None:
        async for _ in client(transport).watch(JOBS, resource_version="3"):
            pass

    with pytest.raises(ApiError) as caught:
        on_virtual_time(scenario)
    assert caught.value.gone
    assert transport.requests[0].query["resourceVersion"] == "3"
