"""Defaults that are written down: only what is missing, and nothing twice."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.api.model import JobFlow
from jobflows.api.validation import check
from jobflows.webhook.defaulting import default
from jobflows.webhook.review import answer, read_review
from unit.api.flows import flow, step
from unit.webhook.reviews import Object, encoded, patch_of, response, review

POLICY = {
    "concurrencyPolicy": "Forbid",
    "ttlSecondsAfterFinished": 86400,
    "backoffLimit": 6,
    "failFast": False,
    "failFastMode": "Drain",
}


def patch(document: Any, old: Any = None, **request: Any) -> list[Object]:
    asked = read_review(encoded(review(document, old, **{"userInfo": {}, **request})))
    said = response(answer(asked, default(asked)))
    assert said["allowed"]
    return patch_of(said)


def patched(document: Object) -> Object:
    """What the API server makes of the flow; it would refuse an `add` without a place for it."""
    result = copy.deepcopy(document)
    for operation in patch(document):
        assert operation["op"] == "add"
        *parents, name = operation["path"].removeprefix("/").split("/")
        place = result
        for parent in parents:
            place = place[parent]
        assert place.get(name) is None
        place[name] = operation["value"]
    return result


def test_a_flow_that_states_nothing_gets_all_defaults() -> None:
    assert patch(flow(step("a"))) == [
        {"op": "add", "path": "/spec/suspend", "value": False},
        {"op": "add", "path": "/spec/executionPolicy", "value": POLICY},
    ]


def test_what_is_stated_stays() -> None:
    stated = flow(step("a"), suspend=True, executionPolicy={"backoffLimit": 0, "failFast": True})
    assert {operation["path"].rpartition("/")[2] for operation in patch(stated)} == (
        set(POLICY) - {"backoffLimit", "failFast"}
    )
    assert patched(stated)["spec"]["executionPolicy"]["backoffLimit"] == 0


def test_a_null_is_no_statement() -> None:
    assert patched(flow(step("a"), suspend=None, executionPolicy=None))["spec"]["suspend"] is False


def test_nothing_is_written_into_steps_and_retry_policies() -> None:
    """A step is one of 10,000, and a policy hides the one above it by what it states."""
    document = flow(step("a", retryPolicy={}), executionPolicy={"retryPolicy": {"backoff": {}}})
    result = patched(document)
    assert result["spec"]["steps"] == document["spec"]["steps"]
    assert result["spec"]["executionPolicy"]["retryPolicy"] == {"backoff": {}}


def test_unknown_fields_are_left_to_the_validator() -> None:
    document = flow(step("a"), fromTheFuture={"x": 1}, executionPolicy={"other": [1]})
    result = patched(document)
    assert result["spec"]["fromTheFuture"] == {"x": 1}
    assert result["spec"]["executionPolicy"]["other"] == [1]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"spec": None},
        {"spec": [1]},
        {**flow(step("a")), "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
    ],
)
def test_what_is_no_flow_or_leaves_is_left_alone(document: Any) -> None:
    assert patch(document) == []


def test_a_policy_of_another_type_is_left_to_the_validator() -> None:
    assert [o["path"] for o in patch(flow(step("a"), executionPolicy=[]))] == ["/spec/suspend"]


def test_deletions_and_statuses_are_left_alone() -> None:
    assert patch(None, flow(), operation="DELETE") == []
    assert patch(flow(), flow(), subResource="status") == []


policies = st.fixed_dictionaries(
    {},
    optional={
        "concurrencyPolicy": st.sampled_from(["Allow", "Forbid", "Replace", None]),
        "ttlSecondsAfterFinished": st.sampled_from([0, 5, None]),
        "backoffLimit": st.integers(0, 9),
        "parallelism": st.integers(0, 9),
        "failFast": st.booleans(),
        "retryPolicy": st.sampled_from([{}, {"limit": 1}]),
    },
)


@given(policies | st.none(), st.booleans() | st.none())
def test_defaults_mean_nothing_new_and_are_written_once(policy: Any, suspend: Any) -> None:
    document = flow(step("a"), executionPolicy=policy, suspend=suspend)
    result = patched(document)
    assert patch(result) == []
    before, after = check(document).flow, check(result).flow
    assert before is not None
    assert after is not None
    assert JobFlow.model_dump(before) == JobFlow.model_dump(after)
