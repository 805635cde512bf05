"""Defaults that come down: from the flow to the template to the step, the nearest one wins.

Called once per step, by the validator and by `engine.flow`; nothing else asks who said what.
"""

from collections.abc import Iterable
from functools import reduce

from jobflows.api.parameters import OutputParameter
from jobflows.api.policy import RetryPolicy
from jobflows.api.spec import Spec, Step, StepTemplate


def retry_policy(*levels: RetryPolicy | None) -> RetryPolicy | None:
    """Merge policies, the most general first: a field that a later level sets replaces it whole.

    None if no level has a policy.
    """
    return reduce(_over, (level for level in levels if level is not None), None)


def _over(above: RetryPolicy | None, below: RetryPolicy) -> RetryPolicy:
    if above is None:
        return below
    return above.model_copy(update={name: getattr(below, name) for name in below.model_fields_set})


def timeout_seconds(spec: Spec, template: StepTemplate | None, step: Step) -> int | None:
    """Seconds for an attempt. For a Manual step only its own word counts: people are not late."""
    if step.timeout_seconds is not None or step.type == "Manual":
        return step.timeout_seconds
    if template is not None and template.timeout_seconds is not None:
        return template.timeout_seconds
    return spec.execution_policy.timeout_seconds


def outputs(template: StepTemplate | None, step: Step) -> tuple[OutputParameter, ...]:
    """The outputs of the template, each replaced by the step's own of the same name."""
    own = step.outputs.parameters
    if template is None or not template.outputs.parameters:
        return own
    merged = {output.name: output for output in (*template.outputs.parameters, *own)}
    return tuple(merged.values())


def by_name(templates: Iterable[StepTemplate]) -> dict[str, StepTemplate]:
    """Templates by name; of two with the same, which the validator refuses, the first."""
    found: dict[str, StepTemplate] = {}
    for template in templates:
        found.setdefault(template.name, template)
    return found
