"""What may be stored, and what people are told: review in, response out."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest

from jobflows.webhook.review import MOST_WARNINGS, ReviewError, answer, read_review
from jobflows.webhook.validating import validate
from unit.api.flows import flow, step, template
from unit.webhook.reviews import Object, encoded, response, review


def ask(flow: Any, old: Any = None, **request: Any) -> Object:
    asked = read_review(encoded(review(flow, old, **request)))
    return response(answer(asked, validate(asked)))


def running(document: Object, **steps: str) -> Object:
    """The flow as the API server has it, with steps in these phases."""
    listed = [{"name": name, "phase": phase, "attempt": 1} for name, phase in steps.items()]
    return {**document, "status": {"phase": "Running", "steps": listed}}


def changed(document: Object, step: int, **fields: Any) -> Object:
    edited = copy.deepcopy(document)
    edited["spec"]["steps"][step].update(fields)
    return edited


def test_a_good_flow_is_allowed_without_a_word() -> None:
    assert ask(flow(step("a"))) == {"uid": "705ab4f5", "allowed": True}


def test_a_flow_without_a_name_yet_is_judged_by_its_generate_name() -> None:
    document = {**flow(step("a")), "metadata": {"generateName": "nightly-"}}
    assert ask(document, name="")["allowed"]


def test_all_problems_are_told_at_once_with_their_fields() -> None:
    bad = flow(step("a", "b"), step("b", "a"), step("c", "nowhere", timeoutSeconds=0))

    denied = ask(bad)

    assert not denied["allowed"]
    status = denied["status"]
    assert (status["code"], status["reason"]) == (422, "Invalid")
    lines = status["message"].splitlines()
    assert lines[0] == "3 problems"
    assert "spec.steps[2].dependencies[0]: there is no step 'nowhere'" in status["message"]
    assert status["details"]["name"] == "nightly"
    fields = [cause["field"] for cause in status["details"]["causes"]]
    assert "spec.steps[2].timeoutSeconds" in fields
    assert len(fields) == len(lines) - 1


def test_thousands_of_problems_are_cut_short() -> None:
    denied = ask(flow(*(step(f"s{i}", "nowhere") for i in range(2000))))
    assert denied["status"]["message"].endswith("- and 1950 more; `jobflow lint` lists all")
    assert len(denied["status"]["details"]["causes"]) == 50


def test_what_is_unwise_is_allowed_with_a_warning() -> None:
    allowed = ask(flow(step("a"), executionPolicy={"ttlSecondsAfterFinished": 0}))
    assert allowed["allowed"]
    (warning,) = allowed["warnings"]
    assert warning.startswith("spec.executionPolicy.ttlSecondsAfterFinished: the flow is deleted")


def test_warnings_stay_within_what_the_api_server_passes_on() -> None:
    long = [
        step(f"s{i}", template=template(containers=[{"name": "main", "image": f"{i}" + "x" * 300}]))
        for i in range(30)
    ]
    told = ask(flow(*long))["warnings"]
    assert len(told) == MOST_WARNINGS + 1
    assert told[-1] == f"and {30 - MOST_WARNINGS} more warnings; `jobflow lint` shows all"
    assert all(len(words) <= 256 for words in told)
    assert sum(map(len, told)) < 4096


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
def test_only_writes_are_judged(operation: str) -> None:
    assert ask(None, flow(), operation=operation)["allowed"]


def test_a_status_is_not_judged() -> None:
    assert ask(flow(), flow(), subResource="status")["allowed"]


def test_a_bad_flow_of_old_may_still_be_stopped_and_go() -> None:
    """It was stored before there was a webhook; only its spec has to be good to be changed."""
    old = flow(step("a", "nowhere"))
    stopped = {**old, "metadata": {"name": "flow", "annotations": {"a": "b"}}}
    assert ask(stopped, old)["allowed"]
    leaving = {"name": "flow", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": []}
    assert ask({**changed(old, 0, message="x"), "metadata": leaving}, old)["allowed"]
    assert not ask(changed(old, 0, message="x"), old)["allowed"]


def test_an_edit_that_comes_too_late_is_allowed_with_a_warning() -> None:
    old = flow(step("done"), step("runs"), step("waits", "runs"))
    live = running(old, done="Succeeded", runs="Running")

    told = ask(changed(old, 0, timeoutSeconds=5), live)
    assert told["allowed"]
    assert told["warnings"] == [
        "step done: is Succeeded already; the change has no effect on this run"
    ]
    assert "warnings" not in ask(changed(old, 2, timeoutSeconds=5), live)
    without = {**old, "spec": {"steps": [old["spec"]["steps"][0]]}}
    assert ask(without, live)["warnings"] == ["step runs: removed; what runs of it is stopped"]


def test_an_edit_of_a_finished_flow_says_what_it_is_for() -> None:
    old = flow(step("a"))
    over = {**old, "status": {"phase": "Succeeded", "steps": [{"name": "a", "phase": "Succeeded"}]}}
    (warning,) = ask(changed(old, 0, timeoutSeconds=5), over)["warnings"]
    assert "the flow is finished" in warning


MANUAL = flow(step("ask", template=None, type="Manual"), step("go", "ask"))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("approved.workflow.kube-zen.io/asks", "true", "there is no Manual step 'asks'"),
        ("approved.workflow.kube-zen.io/go", "true", "there is no Manual step 'go'"),
        ("approved.workflow.kube-zen.io/ask", "yes", "write true or false"),
        ("workflow.kube-zen.io/stop", "now", "write stop or terminate"),
        ("workflow.kube-zen.io/resume", "again", "resume is no JSON"),
    ],
)
def test_an_annotation_that_nobody_understands_is_warned_of_once(
    key: str, value: str, words: str
) -> None:
    marked = {**MANUAL, "metadata": {"name": "flow", "annotations": {key: value}}}
    (warning,) = ask(marked, MANUAL)["warnings"]
    assert words in warning
    assert "warnings" not in ask(marked, marked)


@pytest.mark.parametrize("answered", ["true", "false", "True"])
def test_an_answer_is_no_reason_to_warn(answered: str) -> None:
    metadata = {"name": "f", "annotations": {"approved.workflow.kube-zen.io/ask": answered}}
    assert "warnings" not in ask({**MANUAL, "metadata": metadata}, MANUAL)


GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"\x00\xff garbage",
    "half of it": b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "requ',
    "a list": b"[]",
    "a number": b"1e999",
    "no request": b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}',
    "another version": encoded({**review(flow()), "apiVersion": "admission.k8s.io/v1beta1"}),
    "another kind": encoded({**review(flow()), "kind": "ConversionReview"}),
    "no uid": encoded(review(flow(), uid="")),
    "a uid that is none": encoded(review(flow(), uid=7)),
    "a flow that is a text": encoded(review("flow")),
    "groups that are none": encoded(review(flow(), userInfo={"groups": "team"})),
    "nested for ever": b'{"kind":' + b"[" * 500_000,
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=list(GARBAGE))
def test_what_is_no_review_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ReviewError) as refused:
        read_review(body)
    assert "body" in str(refused.value) or "request" in str(refused.value)
    assert len(str(refused.value)) < 300


def nested(depth: int) -> Object:
    tree: Any = {}
    for _ in range(depth):
        tree = {"a": tree}
    return flow(step("a", template={"spec": tree}))


WRONG: dict[str, Any] = {
    "another kind": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}},
    "nothing in it": {},
    "a spec that is a list": {**flow(), "spec": [1]},
    "steps that are a mapping": {**flow(), "spec": {"steps": {"a": 1}}},
    "nulls": {**flow(), "spec": {"steps": [None, {"name": None}]}},
    "nested deep": nested(300),
    "metadata of no sense": {**flow(step("a")), "metadata": {"annotations": [], "labels": 3}},
    "numbers beyond all bounds": flow(step("a", timeoutSeconds=10**400)),
}


@pytest.mark.parametrize("document", WRONG.values(), ids=list(WRONG))
def test_a_flow_that_makes_no_sense_is_denied_in_words(document: Any) -> None:
    denied = ask(document)
    assert not denied["allowed"]
    assert denied["status"]["message"]
    assert not ask(document, flow(step("before")))["allowed"]


def test_a_flow_nested_for_ever_is_denied_in_words() -> None:
    deep = b'"object": {"spec":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    asked = read_review(encoded(review({})).replace(b'"object": {}', deep))
    denied = response(answer(asked, validate(asked)))
    assert "nested more than 100 levels deep" in denied["status"]["message"]


def test_the_largest_flow_is_judged_within_a_second() -> None:
    """Half a second on a core of its own; the bound leaves room for one that is shared."""
    shared = {"name": "work", "template": template()}
    steps = [
        {
            "name": f"s{i}",
            "templateRef": "work",
            **({"dependencies": [f"s{i - 1}"]} if i % 9 else {}),
        }
        for i in range(10_000)
    ]
    body = encoded(review(flow(*steps, templates=[shared])))

    started = time.process_time()
    asked = read_review(body)
    verdict = validate(asked)
    seconds = time.process_time() - started

    assert verdict.denial is None
    assert seconds < 2.0


def test_a_spec_of_a_megabyte_and_a_half_is_judged_soon() -> None:
    """Written by somebody who knows what is slow: long names that nearly match, and cycles."""
    steps = [
        step(f"{i:06}" + "x" * 50, f"{(i + 1) % 4000:06}" + "x" * 49 + "y", template=None)
        for i in range(9800)
    ]
    body = encoded(review(flow(*steps)))
    assert len(body) > 1_400_000

    started = time.process_time()
    verdict = validate(read_review(body))

    assert verdict.denial is not None
    assert time.process_time() - started < 5.0
    assert len(json.dumps(verdict.denial.message)) < 20_000
