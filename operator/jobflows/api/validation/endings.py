"""How a flow ends: no word about it that would mean nothing."""

from collections.abc import Iterator

from jobflows.api.model import JobFlow
from jobflows.api.validation.problems import Problem


def fail_fast(flow: JobFlow) -> Iterator[Problem]:
    """A failFastMode belongs to failFast."""
    policy = flow.spec.execution_policy
    if policy.fail_fast_mode == "Terminate" and not policy.fail_fast:
        yield Problem(
            ("spec", "executionPolicy", "failFastMode"),
            "means nothing without failFast",
            "Write failFast: true beside it, or leave it out",
        )
