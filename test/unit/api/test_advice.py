"""Advice: what is warned of, and what is not."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from jobflows.api.validation import advise, check
from unit.api.flows import flow, step, template

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))
CONTAINER = "spec.steps[0].template.spec.template.spec.containers[0]"


def container(**fields: Any) -> dict[str, Any]:
    return template(containers=[{"name": "main", "image": "busybox:1.36", **fields}])


def image(name: str) -> dict[str, Any]:
    return flow(step("a", template=template(containers=[{"name": "main", "image": name}])))


def variable(name: str, value: str) -> dict[str, Any]:
    return flow(step("a", template=container(env=[{"name": name, "value": value}])))


def chain(count: int) -> list[dict[str, Any]]:
    return [step(f"s{i}", *([f"s{i - 1}"] if i else [])) for i in range(count)]


def heavy(**resources: Any) -> dict[str, Any]:
    return container(resources=resources)


def warnings(document: dict[str, Any]) -> list[tuple[str, str]]:
    flow = check(document).flow
    assert flow is not None, check(document).problems
    found = advise(flow)
    assert all(problem.severity == "warning" and problem.cure for problem in found)
    return [(problem.dotted, problem.message) for problem in found]


MORE_MEMORY = {"resources": {"memory": {"factor": 2, "max": "8Gi"}}}
DEADLINE = {"activeDeadlineSeconds": 3600}

WARNED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no tag": (image("busybox"), f"{CONTAINER}.image", "another program"),
    "latest": (image("registry:5000/team/tool:latest"), f"{CONTAINER}.image", "another program"),
    "a port is no tag": (image("registry:5000/tool"), f"{CONTAINER}.image", "another program"),
    "a password": (variable("DB_PASSWORD", "hunter2"), f"{CONTAINER}.env[0].value", "can read"),
    "a key": (variable("AWS_SECRET_ACCESS_KEY", "x"), f"{CONTAINER}.env[0].value", "can read"),
    "a parameter that is a token": (
        flow(step("a"), parameters=[{"name": "api-token", "value": "x"}]),
        "spec.parameters[0].value",
        "can read the flow can read 'api-token'",
    ),
    "gone at once": (
        flow(step("a"), executionPolicy={"ttlSecondsAfterFinished": 0}),
        "spec.executionPolicy.ttlSecondsAfterFinished",
        "deleted the moment it ends",
    ),
    "a timeout behind the deadline": (
        flow(step("a", timeoutSeconds=7200), executionPolicy=DEADLINE),
        "spec.steps[0].timeoutSeconds",
        "activeDeadlineSeconds ends the flow after 3600 s",
    ),
    "the same for all steps": (
        flow(step("a"), executionPolicy={**DEADLINE, "timeoutSeconds": 3600}),
        "spec.executionPolicy.timeoutSeconds",
        "never reached",
    ),
    "more retries than the flow has": (
        flow(step("a", retryPolicy={"limit": 7})),
        "spec.steps[0].retryPolicy.limit",
        "all steps together have 6",
    ),
    "memory grows without a limit": (
        flow(step("a", template=heavy(requests={"memory": "1Gi"}), retryPolicy=MORE_MEMORY)),
        "spec.steps[0].retryPolicy.resources.memory",
        "only when its node has none left",
    ),
    "one long chain": (flow(*chain(50)), "spec.steps", "50 of 50 steps wait for one another"),
}

FINE: dict[str, dict[str, Any]] = {
    "a tag": image("registry:5000/tool:1.2"),
    "a digest": image(f"tool@sha256:{'0' * 64}"),
    "an image from a parameter": flow(
        step("a", template=template(containers=[{"name": "m", "image": "{{ parameters.i }}"}])),
        parameters=[{"name": "i", "value": "busybox:1.36"}],
    ),
    "where a password lies": variable("DB_PASSWORD", "/var/run/secrets/db"),
    "the name of a file": variable("PASSWORD_FILE", "x"),
    "another variable": variable("DB_PASSWORD", "$(FROM_A_SECRET)"),
    "as many retries as the flow has": flow(step("a", retryPolicy={"limit": 6})),
    "the default of a policy that is not written down": flow(
        step("a", retryPolicy={}), executionPolicy={"backoffLimit": 1}
    ),
    "memory grows up to its limit": flow(
        step("a", template=heavy(limits={"memory": "1Gi"}), retryPolicy=MORE_MEMORY)
    ),
    "a short chain": flow(*chain(49)),
    "a wide flow": flow(*chain(30), *(step(f"w{i}") for i in range(30))),
}


@pytest.mark.parametrize("case", WARNED)
def test_what_is_unwise_is_warned_of_once(case: str) -> None:
    document, path, words = WARNED[case]
    ((where, message),) = warnings(document)
    assert where == path
    assert words in message


@pytest.mark.parametrize("case", FINE)
def test_what_is_fine_is_not(case: str) -> None:
    assert warnings(FINE[case]) == []


def test_an_image_that_many_steps_use_is_told_once() -> None:
    one = template(containers=[{"name": "main", "image": "busybox"}])
    assert len(warnings(flow(*(step(f"s{i}", template=one) for i in range(9))))) == 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_wise(example: Path) -> None:
    for document in yaml.safe_load_all(example.read_text()):
        assert warnings(document) == []
