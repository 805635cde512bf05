"""Retry policies: waits that make sense."""

from collections.abc import Iterator

from jobflows.api.durations import DAY, format_duration
from jobflows.api.model import JobFlow
from jobflows.api.policy import Backoff, RetryPolicy
from jobflows.api.validation.places import places
from jobflows.api.validation.problems import Path, Problem

LONGEST = 30 * DAY


def retry_policies(flow: JobFlow) -> Iterator[Problem]:
    """Waits are positive, at most 30 days, and not longer than their own maximum."""
    for path, policy in _policies(flow):
        yield from _backoff((*path, "backoff"), policy.backoff)


def _policies(flow: JobFlow) -> Iterator[tuple[Path, RetryPolicy]]:
    """The policies of all levels: of the flow, of templates, of steps."""
    spec = flow.spec
    if spec.execution_policy.retry_policy is not None:
        yield ("spec", "executionPolicy", "retryPolicy"), spec.execution_policy.retry_policy
    for index, template in enumerate(spec.templates):
        if template.retry_policy is not None:
            yield ("spec", "templates", index, "retryPolicy"), template.retry_policy
    for path, step in places(flow):
        if step.retry_policy is not None:
            yield (*path, "retryPolicy"), step.retry_policy


def _backoff(path: Path, backoff: Backoff) -> Iterator[Problem]:
    for key, seconds in (("duration", backoff.duration), ("maxDuration", backoff.max_duration)):
        if seconds <= 0:
            yield Problem((*path, key), "must be greater than 0s", "Write a duration such as 10s")
        elif seconds > LONGEST:
            yield Problem((*path, key), "is longer than 30 days", "Write at most 720h")
    explicit = {"duration", "max_duration"} <= backoff.model_fields_set
    if explicit and 0 < backoff.max_duration < backoff.duration:
        yield Problem(
            (*path, "maxDuration"),
            f"{format_duration(backoff.max_duration)} is less than the first wait, "
            f"{format_duration(backoff.duration)}",
            "Raise maxDuration or lower duration",
        )
