"""The CRD on a real API server: it is accepted, refuses what it should, and prunes nothing.

Only a real server can prove that a schema is structural and its CEL within the cost budget.
No operator runs: nothing but the server answers.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cluster import Record
from cluster_suite.kube import Kube, KubectlError
from cluster_suite.session import fresh_namespace
from jobflows.api.crd import crd
from unit.api.flows import EXAMPLES, flow, step, template

pytestmark = pytest.mark.cluster

TIME = "2026-01-31T12:00:00Z"
STATUS: dict[str, Any] = {
    "observedGeneration": 1,
    "phase": "Paused",
    "reason": "WaitingForApproval",
    "message": "step b waits",
    "conditions": [
        {
            "type": "Succeeded",
            "status": "Unknown",
            "observedGeneration": 1,
            "lastTransitionTime": TIME,
            "reason": "Running",
            "message": "",
        }
    ],
    "startTime": TIME,
    "completionTime": TIME,
    "estimatedCompletionTime": TIME,
    "progress": {
        "completedSteps": 1,
        "totalSteps": 2,
        "successfulSteps": 1,
        "failedSteps": 0,
        "skippedSteps": 0,
        "summary": "1/2",
    },
    "steps": [
        {
            "name": "a",
            "phase": "Succeeded",
            "startTime": TIME,
            "completionTime": TIME,
            "attempt": 3,
            "retryCount": 2,
            "lostCount": 1,
            "nextRetryTime": TIME,
            "jobRef": {"name": "flow-a-3", "uid": "u"},
            "reason": "JobSucceeded",
            "message": "done",
            "outputs": {"rows": "7"},
        },
        {"name": "b", "phase": "PendingApproval"},
    ],
}


_SERVER: list[Kube] = []


def kubectl(*arguments: str, document: Any = None) -> str:
    """Run kubectl in this file's namespace; an error carries the server's message."""
    return _SERVER[-1](*arguments, stdin=document)


@pytest.fixture(scope="module", autouse=True)
def namespace(suite: Record) -> Iterator[None]:
    kube = fresh_namespace(suite, "schema")
    _SERVER.append(kube)
    yield
    kube("delete", "namespace", kube.namespace, "--wait=false")


def create(document: dict[str, Any], *options: str) -> dict[str, Any]:
    """Create a flow for real unless told otherwise, and return what the server stored."""
    document = copy.deepcopy(document)
    document["metadata"]["namespace"] = _SERVER[-1].namespace
    printed = kubectl("create", "-o", "json", *options, "-f", "-", document=document)
    stored: dict[str, Any] = json.loads(printed)
    return stored


def without_defaults(spec: dict[str, Any], wanted: dict[str, Any]) -> Any:
    """Leave out of `spec` what `wanted` does not mention at its top two levels."""
    kept = {key: value for key, value in spec.items() if key in wanted}
    if "executionPolicy" in kept:
        policy = wanted["executionPolicy"]
        kept["executionPolicy"] = {k: v for k, v in kept["executionPolicy"].items() if k in policy}
    return kept


def test_the_schema_has_no_complaints() -> None:
    conditions = json.loads(kubectl("get", "crd", crd()["metadata"]["name"], "-o", "json"))
    found = {c["type"]: c["status"] for c in conditions["status"]["conditions"]}

    assert found["Established"] == "True"
    assert found.get("NonStructuralSchema", "False") == "False"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_stored_as_it_was_written(path: Any) -> None:
    document = yaml.safe_load(path.read_text())

    stored = create(document, "--dry-run=server")

    rule = document["spec"].get("executionPolicy", {}).get("podFailurePolicy")
    if rule:  # the one default inside a list
        rule["rules"][0]["onExitCodes"]["containerName"] = "main"
    assert without_defaults(stored["spec"], document["spec"]) == document["spec"]


def test_every_status_value_is_stored() -> None:
    manual = step("b", "a", type="Manual", template=None)
    stored = create(flow(step("a"), manual, name="status"))
    stored["status"] = STATUS
    printed = kubectl("replace", "--subresource=status", "-o", "json", "-f", "-", document=stored)

    assert json.loads(printed)["status"] == STATUS
    table = kubectl("get", "jf", "status", "-o", "wide", "--no-headers")
    assert table.split()[:3] == ["status", "Paused", "1/2"]
    assert table.split()[4] == "WaitingForApproval"
    assert "status" in kubectl("get", "all")


@pytest.mark.parametrize("phase", crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
                         ["properties"]["status"]["properties"]["phase"]["enum"])  # fmt: skip
def test_every_phase_is_stored(phase: str) -> None:
    stored = create(flow(step("a"), name=f"phase-{phase.lower()}"))
    stored["status"] = {"phase": phase}

    printed = kubectl("replace", "--subresource=status", "-o", "json", "-f", "-", document=stored)

    assert json.loads(printed)["status"]["phase"] == phase


def _source(**fields: Any) -> dict[str, Any]:
    return flow(step("a", inputs={"parameters": [{"name": "p", **fields}]}))


REFUSED = {
    "an unknown field": (flow(step("a", dependecies=["b"])), 'unknown field "spec.steps[0].depend'),
    "artifacts": (flow(step("a", inputs={"artifacts": []})), "unknown field"),
    "no steps": (flow(), "spec.steps"),
    "two templates of one name": (
        flow(step("a"), templates=[{"name": "t", "template": {}}] * 2),
        "Duplicate value",
    ),
    "a dot in a step's name": (flow(step("a.b")), "spec.steps[0].name"),
    "a Manual step with a template": (
        flow(step("a", type="Manual")),
        "a Manual step must have neither",
    ),
    "a Job step without a template": (flow(step("a", template=None)), "needs a template"),
    "a template and a templateRef": (flow(step("a", templateRef="t")), "needs a template or"),
    "arguments without a templateRef": (
        flow(step("a", arguments={"x": "1"})),
        "arguments need a templateRef",
    ),
    "an input without a source": (_source(), "exactly one of value and valueFrom"),
    "an input with two sources": (
        _source(value="", valueFrom={"jsonPath": "a:$.x"}),
        "exactly one of value and valueFrom",
    ),
    "a source of nothing": (_source(valueFrom={}), "exactly one of configMapKeyRef"),
    "a bad enum": (flow(step("a"), executionPolicy={"concurrencyPolicy": "no"}), "Unsupported"),
    "a negative number": (flow(step("a"), executionPolicy={"backoffLimit": -1}), "greater than"),
    "a deadline of zero": (
        flow(step("a"), executionPolicy={"activeDeadlineSeconds": 0}),
        "greater than or equal to 1",
    ),
    "a duration without unit": (
        flow(step("a", retryPolicy={"backoff": {"duration": "10"}})),
        "backoff.duration",
    ),
}


@pytest.mark.parametrize("title", REFUSED)
def test_the_server_refuses(title: str) -> None:
    document, words = REFUSED[title]

    with pytest.raises(KubectlError) as caught:
        create(document, "--dry-run=server", "--validate=strict")

    assert words in str(caught.value)


def test_a_step_stays_as_small_as_it_was_written() -> None:
    document = flow(*(step(f"s{i}", template=template()) for i in range(3)), name="small")

    assert create(document, "--dry-run=server")["spec"]["steps"] == document["spec"]["steps"]


def test_two_thousand_steps_are_accepted() -> None:
    chain = [step("s0"), *(step(f"s{i}", f"s{i - 1}") for i in range(1, 2000))]

    assert len(create(flow(*chain, name="long"), "--dry-run=server")["spec"]["steps"]) == 2000
