"""Points are named alike in each run, and none is left out."""

from __future__ import annotations

from collections import Counter

import pytest

from faults.calls import Call, Counts, Event
from faults.points import CALL_FAULTS, EVENT_FAULTS, of_run, sample

NAMESPACED = "/apis/batch/v1/namespaces/n/jobs"


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "words"),
    [
        ("GET", "/version", {}, b"", "get /version #1"),
        ("GET", "/api/v1/pods", {"labelSelector": "a=b"}, b"", "list pods #1"),
        ("GET", NAMESPACED, {"labelSelector": "a=b,c=d"}, b"", "look-up jobs #1"),
        ("GET", NAMESPACED, {"watch": "1"}, b"", "watch jobs #1"),
        ("GET", f"{NAMESPACED}/x", {}, b"", "get jobs x"),
        ("POST", NAMESPACED, {}, b'{"metadata":{"name":"x"}}', "create jobs x"),
        ("PATCH", f"{NAMESPACED}/x/status", {}, b"[]", "patch jobs/status x"),
        ("DELETE", f"{NAMESPACED}/x", {}, b"{}", "delete jobs x"),
        (
            "POST",
            "/apis/events.k8s.io/v1/namespaces/n/events",
            {},
            b'{"metadata":{"name":"by-chance"}}',
            "create events #1",
        ),
    ],
)
def test_a_call_has_a_name(
    method: str, path: str, query: dict[str, str], body: bytes, words: str
) -> None:
    assert str(Counts().call(method, path, query, body)) == words


def test_each_call_has_each_fault_and_each_event_has_one() -> None:
    calls = [Call("create", "jobs", "x", n) for n in (1, 2)] + [Call("watch", "jobs", "", 1)]
    events = [Event("jobs", n) for n in range(1, 2 * len(EVENT_FAULTS) + 1)]
    points = of_run("some", calls, events)
    at = Counter(point.place for point in points if point.fault in CALL_FAULTS)
    assert at[calls[0]] == at[calls[1]] >= len(CALL_FAULTS)
    assert at[calls[2]] == len(CALL_FAULTS) - 2  # its answer is its events
    met = Counter(point.fault for point in points if isinstance(point.place, Event))
    assert met == dict.fromkeys(EVENT_FAULTS, 2)
    assert of_run("other", calls, [], known=calls) == []


def test_renewals_have_no_more_points_the_longer_a_run_takes() -> None:
    renewals = [Call("update", "leases", "x", n) for n in range(1, 100)]
    assert of_run("some", renewals[:20], []) == of_run("some", renewals, [])


def test_samples_are_even_and_come_to_all() -> None:
    points = of_run("some", [Call("create", "jobs", str(n), 1) for n in range(10)], [])
    chosen = {p for offset in range(10) for p in sample(points, len(points) // 10, offset)}
    assert chosen == set(points)
    assert sample(points, 0) == []
    assert sample(points, 10**6) == points
