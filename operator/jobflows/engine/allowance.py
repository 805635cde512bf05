"""What the attempt after a failed one may use, and how that is told; for steps and for tasks."""

from __future__ import annotations

from jobflows.api.status import Cause
from jobflows.engine.draft import Draft
from jobflows.engine.failure import Judgement
from jobflows.engine.flow import CompiledStep
from jobflows.engine.growth import UNGROWN, Grown, fallback_for, grow
from jobflows.engine.values import ValueUnavailableError, argument_values, resolve_inputs


def more(draft: Draft, step: int, cause: Cause, before: Grown) -> Grown:
    """What the next attempt may use, after one that had `before` and failed for `cause`."""
    compiled = draft.flow.steps[step]
    if compiled.retry.resources is None:
        return before
    try:
        parameters = resolve_inputs(draft.flow, compiled, draft.records)
    except ValueUnavailableError:  # the next start says so
        parameters = draft.flow.parameters
    arguments = argument_values(compiled.spec.arguments, parameters)
    return grow(compiled, cause, before, {**parameters, **arguments})


def retry_words(step: CompiledStep, verdict: Judgement, cause: Cause, resources: Grown) -> str:
    """Why there is another attempt, when, and with what."""
    words = f"{verdict.message} ({cause}); next in {verdict.delay:.1f} s"
    if resources == UNGROWN:
        return words
    place = " on a fallback" if fallback_for(step.retry, resources) else ""
    return f"{words} with {resources}{place}"
