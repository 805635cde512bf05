"""The models: defaults, spelling, strictness, immutability."""

from typing import Any

import pytest
from pydantic import ValidationError

from jobflows.api import JobFlow
from jobflows.api.policy import Backoff
from jobflows.api.status import FlowPhase, Status, StepPhase
from unit.api.flows import flow, step


def read(*steps: dict[str, Any], **spec: Any) -> JobFlow:
    return JobFlow.model_validate(flow(*steps, **spec))


def test_defaults_are_those_of_zen_flow() -> None:
    policy = read(step("a")).spec.execution_policy

    assert policy.concurrency_policy == "Forbid"
    assert policy.ttl_seconds_after_finished == 86_400
    assert policy.backoff_limit == 6
    assert policy.active_deadline_seconds is None


def test_a_step_without_a_retry_policy_has_no_retries_and_an_empty_one_has_three() -> None:
    first, second = read(step("a"), step("b", retryPolicy={})).spec.steps

    assert first.retry_policy is None
    assert second.retry_policy is not None
    assert second.retry_policy.limit == 3
    assert second.retry_policy.backoff == Backoff()
    assert second.retry_policy.on_disruption.limit == 10


def test_durations_become_seconds() -> None:
    (made,) = read(step("a", retryPolicy={"backoff": {"duration": "1m30s"}})).spec.steps

    assert made.retry_policy is not None
    assert made.retry_policy.backoff.duration == 90.0


def test_a_first_wait_above_the_default_maximum_lifts_the_cap() -> None:
    assert Backoff().cap == 3600.0
    assert Backoff.model_validate({"duration": "2h"}).cap == 7200.0


def test_null_means_absent() -> None:
    document = flow(step("a"), executionPolicy=None, parameters=None)
    document["spec"]["steps"][0]["retryPolicy"] = None

    assert JobFlow.model_validate(document) == JobFlow.model_validate(flow(step("a")))


def test_null_inside_a_template_is_kept() -> None:
    template = {"spec": {"template": {"spec": {"volumes": [{"name": "x", "emptyDir": None}]}}}}

    assert read(step("a", template=template)).spec.steps[0].template == template


@pytest.mark.parametrize(
    ("field", "value"), [("timeout_seconds", 3), ("timeoutSeconds", "3"), ("timeoutSeconds", 3.0)]
)
def test_there_is_one_spelling_and_no_conversion(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        read(step("a", **{field: value}))


def test_a_flow_is_immutable() -> None:
    made = read(step("a"))

    with pytest.raises(ValidationError, match="frozen"):
        made.spec.suspend = True


def test_unknown_metadata_passes_by() -> None:
    document = flow(step("a"))
    document["metadata"] |= {"uid": "u", "generation": 3, "managedFields": [{}]}

    metadata = JobFlow.model_validate(document).metadata

    assert (metadata.name, metadata.uid, metadata.generation) == ("flow", "u", 3)


def test_a_status_can_be_read() -> None:
    status = Status.model_validate(
        {"phase": "Paused", "steps": [{"name": "a", "phase": "Skipped"}]}
    )

    assert status.phase is FlowPhase.PAUSED
    assert status.steps[0].phase is StepPhase.SKIPPED


@pytest.mark.parametrize("phase", FlowPhase)
def test_terminal_phases_of_a_flow(phase: FlowPhase) -> None:
    assert phase.terminal == (phase in ("Succeeded", "Failed"))


@pytest.mark.parametrize("phase", StepPhase)
def test_terminal_phases_of_a_step(phase: StepPhase) -> None:
    assert phase.terminal == (phase in ("Succeeded", "Failed", "Skipped"))
