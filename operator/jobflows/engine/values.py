"""The values that flow between steps: inputs before a step starts, outputs when it is done.

ConfigMap and Secret values are not here: they reach the container as environment variables that
the kubelet fills, and the engine never sees them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jobflows.api import jsonpath
from jobflows.api.placeholders import ARGUMENTS, find, substitute
from jobflows.engine.flow import CompiledFlow, CompiledStep
from jobflows.engine.ledger import Ledger, StepPhase, StepRecord
from jobflows.engine.times import rfc3339


class ValueUnavailableError(ValueError):
    """A value that a step needs, or promised, is not there; the message says which and why."""


def resolve_inputs(
    flow: CompiledFlow, step: CompiledStep, records: Sequence[StepRecord]
) -> Mapping[str, str]:
    """Return the parameters of `step` by name: the flow's, overlaid by its own inputs.

    Raises `ValueUnavailableError` when the step an input points to has no such value.
    """
    inputs = step.spec.inputs.parameters
    if not inputs:
        return flow.parameters
    values = dict(flow.parameters)
    for parameter in inputs:
        source = parameter.value_from
        if parameter.value is not None:
            values[parameter.name] = substitute(parameter.value, flow.parameters)
        elif source is not None and source.json_path is not None:
            producer, path = jsonpath.split_step_path(source.json_path)
            record = records[flow.graph.index[producer]]
            try:
                values[parameter.name] = jsonpath.query(path, step_document(record))
            except LookupError as error:
                raise ValueUnavailableError(
                    f"input {parameter.name}: step {producer} ({record.phase}) has no value at "
                    f"{path}"
                ) from error
        else:
            values.pop(parameter.name, None)  # comes by environment and hides the flow's
    return values


def argument_values(arguments: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """The arguments as placeholders name them, but for those that hold what is known later."""
    return {
        f"{ARGUMENTS}{name}": substitute(text, values)
        for name, text in arguments.items()
        if all(parameter in values for parameter in find(text))
    }


def read_outputs(step: CompiledStep, output: str | None) -> Mapping[str, str]:
    """Return the outputs that `step` declares, read from its termination message.

    Raises `ValueUnavailableError` when one is missing.
    """
    if not step.outputs:
        return {}
    document = _document(output or "")
    values = {}
    for parameter in step.outputs:
        path = parameter.value_from.json_path
        try:
            value = jsonpath.query(path, document)
        except LookupError as error:
            said = repr(output[:200]) if output else "empty"
            raise ValueUnavailableError(
                f"output {parameter.name}: no value at {path}; the termination message is {said}"
            ) from error
        # half of a surrogate pair is legal in JSON, and in nothing that it is written to later
        values[parameter.name] = value.encode(errors="replace").decode()
    return values


def _document(output: str) -> Any:
    """A termination message as JSON; as one string when it is no JSON, which `$` can still read."""
    try:
        return json.loads(output)
    except (ValueError, RecursionError):  # thousands of brackets exceed the parser's depth
        return output


def step_document(record: StepRecord) -> dict[str, Any]:
    """What an input path and a `when` expression can see of a step."""
    return {
        "phase": str(record.phase),
        "reason": record.reason,
        "message": record.message,
        "retryCount": record.retries,
        "attempt": record.attempt,
        "succeeded": int(record.phase is StepPhase.SUCCEEDED),
        "failed": int(record.phase is StepPhase.FAILED),
        "startTime": rfc3339(record.started),
        "completionTime": rfc3339(record.finished),
        "outputs": dict(record.outputs),
    }


def outcome_document(ledger: Ledger) -> dict[str, str]:
    """What an exit handler can see of the flow."""
    outcome = ledger.outcome
    if outcome is None:
        return {}
    return {
        "phase": str(outcome.phase),
        "reason": str(outcome.reason),
        "message": outcome.message,
    }
