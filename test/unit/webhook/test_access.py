"""Who may have the operator create things: asked of the API server, for the user of the review."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from jobflows.cluster import Response, TransportError
from jobflows.webhook.access import Access
from jobflows.webhook.claims import claim_of
from jobflows.webhook.review import Denial, read_review
from unit.api.flows import flow, step
from unit.cluster_adapter.scripted import LOST, ScriptedTransport, client, refusal
from unit.webhook.reviews import Object, encoded, review

VOLUMES = {
    "configMapTemplates": [{"metadata": {"name": "conf"}}],
    "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
}


def says(allowed: Any) -> Response:
    return Response(201, json.dumps({"status": {"allowed": allowed}}).encode())


def ask(document: Object, *answers: Response | Exception) -> tuple[Denial | None, list[Object]]:
    transport = ScriptedTransport(*answers)

    async def scenario() -> Denial | None:
        claim = claim_of(read_review(encoded(review(document))))
        return await Access(client(transport)).denial(claim)

    denial = asyncio.run(scenario())
    assert {request.path for request in transport.requests} == {
        "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    }
    return denial, [json.loads(request.body or b"")["spec"] for request in transport.requests]


def test_the_question_is_about_the_user_of_the_review() -> None:
    denial, questions = ask(flow(step("a")), says(True))

    assert denial is None
    assert questions == [
        {
            "user": "ada",
            "uid": "u1",
            "groups": ["team"],
            "extra": {"scopes": ["read"]},
            "resourceAttributes": {
                "namespace": "lab",
                "verb": "create",
                "group": "batch",
                "resource": "jobs",
            },
        }
    ]


def test_what_a_flow_creates_besides_jobs_is_asked_for_too() -> None:
    denial, questions = ask(
        flow(step("a"), resourceTemplates=VOLUMES), says(True), says(False), says(False)
    )

    asked = [question["resourceAttributes"]["resource"] for question in questions]
    assert asked == ["jobs", "configmaps", "persistentvolumeclaims"]
    assert denial is not None
    assert (denial.code, denial.reason) == (403, "Forbidden")
    assert denial.message == (
        "user 'ada' may not create configmaps and persistentvolumeclaims in namespace 'lab', which"
        " this flow would have the operator do. Ask for that right there"
    )


def test_a_no_is_a_no() -> None:
    denial, _ = ask(flow(step("a")), says(False))
    assert denial is not None
    assert "may not create jobs.batch" in denial.message


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([refusal(403, "Forbidden")], "--no-authorize-users"),
        ([refusal(500, "InternalError")] * 2, "HTTP 500"),
        ([LOST, LOST], "connection reset"),
    ],
)
def test_a_question_without_an_answer_is_a_no(
    answers: list[Response | TransportError], words: str
) -> None:
    denial, _ = ask(flow(step("a")), *answers)
    assert denial is not None
    assert denial.code == 500
    assert words in denial.message
