"""Flows that are refused: fields, types and ranges."""

from typing import Any

from unit.api.flows import flow, step, template
from unit.api.refused.base import ONE, A, Case, exit_codes


def _nested(levels: int) -> dict[str, Any]:
    return {"x": _nested(levels - 1)} if levels else {}


STRUCTURE = [
    Case("no mapping", [], "", "must be a mapping", "apiVersion"),
    Case("no spec", {**flow(A), "spec": None}, "spec", "spec is required", "steps:"),
    Case(
        "wrong version",
        {**flow(A), "apiVersion": "workflow.kube-zen.io/v1"},
        "apiVersion",
        "must be workflow.kube-zen.io/v1alpha1",
        "Write workflow.kube-zen.io/v1alpha1",
    ),
    Case("wrong kind", {**flow(A), "kind": "Jobflow"}, "kind", "must be JobFlow", "Write JobFlow"),
    Case("no steps", flow(), "spec.steps", "must not be empty", "at least one step"),
    Case(
        "too deep",
        flow(step("a", template=_nested(200))),
        "spec.steps[0].template.x.x.x.x",
        "nested more than 100 levels",
        "Flatten",
    ),
    Case(
        "misspelt field",
        flow(step("a", dependecies=[])),
        f"{ONE}.dependecies",
        "unknown field",
        "Did you mean dependencies?",
    ),
    Case(
        "snake case",
        flow(step("a", timeout_seconds=3)),
        f"{ONE}.timeout_seconds",
        "unknown field",
        "Did you mean timeoutSeconds?",
    ),
    Case(
        "word of another engine",
        flow(step("a", dependsOn=[])),
        f"{ONE}.dependsOn",
        "unknown field",
        "Did you mean dependencies?",
    ),
    Case(
        "image in the step",
        flow(step("a", image="busybox")),
        f"{ONE}.image",
        "unknown field",
        "template.spec.template.spec.containers",
    ),
    Case("field without likeness", flow(A, zzz=1), "spec.zzz", "unknown field", "known here are"),
    Case(
        "input artifacts",
        flow(step("a", inputs={"artifacts": []})),
        f"{ONE}.inputs.artifacts",
        "not supported",
        "volume from spec.resourceTemplates",
    ),
    Case(
        "output artifacts",
        flow(step("a", outputs={"artifacts": []})),
        f"{ONE}.outputs.artifacts",
        "not supported",
        "outputs.parameters",
    ),
    Case("step that is a string", flow("a"), ONE, "must be a mapping, not 'a'", "key: value"),
    Case("step without name", flow({"template": template()}), f"{ONE}.name", "required", "name"),
    Case(
        "dependencies as a string",
        flow(step("a", dependencies="b")),
        f"{ONE}.dependencies",
        "must be a list, not 'b'",
        "- item",
    ),
    Case(
        "number as a string",
        flow(step("a", retryPolicy={"limit": "3"})),
        f"{ONE}.retryPolicy.limit",
        "whole number, not '3'",
        "without quotes",
    ),
    Case("boolean as a number", flow(A, suspend=1), "spec.suspend", "true or false", "quotes"),
    Case(
        "value as a number",
        flow(A, parameters=[{"name": "p", "value": 3}]),
        "spec.parameters[0].value",
        "must be a string, not 3",
        "in quotes",
    ),
    Case(
        "bad enum",
        flow(A, executionPolicy={"concurrencyPolicy": "forbid"}),
        "spec.executionPolicy.concurrencyPolicy",
        "Allow or Forbid or Replace",
        "mean Forbid?",
    ),
    Case(
        "negative ttl",
        flow(A, executionPolicy={"ttlSecondsAfterFinished": -1}),
        "spec.executionPolicy.ttlSecondsAfterFinished",
        "at least 0, not -1",
        "range",
    ),
    Case(
        "negative backoff limit",
        flow(A, executionPolicy={"backoffLimit": -1}),
        "spec.executionPolicy.backoffLimit",
        "at least 0",
        "range",
    ),
    Case(
        "deadline of zero",
        flow(A, executionPolicy={"activeDeadlineSeconds": 0}),
        "spec.executionPolicy.activeDeadlineSeconds",
        "greater than 0",
        "range",
    ),
    Case(
        "timeout of zero",
        flow(step("a", timeoutSeconds=0)),
        f"{ONE}.timeoutSeconds",
        "greater than 0",
        "range",
    ),
    Case(
        "negative retry limit",
        flow(step("a", retryPolicy={"limit": -1})),
        f"{ONE}.retryPolicy.limit",
        "at least 0",
        "range",
    ),
    Case(
        "exit code 256",
        flow(A, executionPolicy=exit_codes(values=[256])),
        "spec.executionPolicy.podFailurePolicy.rules[0].onExitCodes.values[0]",
        "at most 255",
        "range",
    ),
    Case(
        "no exit codes",
        flow(A, executionPolicy=exit_codes(values=[])),
        "spec.executionPolicy.podFailurePolicy.rules[0].onExitCodes.values",
        "must not be empty",
        "[1, 2]",
    ),
    Case(
        "no rules",
        flow(A, executionPolicy={"podFailurePolicy": {"rules": []}}),
        "spec.executionPolicy.podFailurePolicy.rules",
        "must not be empty",
        "leave",
    ),
    Case(
        "rule without exit codes",
        flow(A, executionPolicy={"podFailurePolicy": {"rules": [{"action": "Ignore"}]}}),
        "spec.executionPolicy.podFailurePolicy.rules[0].onExitCodes",
        "required",
        "operator",
    ),
    Case(
        "bad action",
        flow(
            A,
            executionPolicy={
                "podFailurePolicy": {
                    "rules": [{"action": "Retry", "onExitCodes": {"operator": "In", "values": [1]}}]
                }
            },
        ),
        "spec.executionPolicy.podFailurePolicy.rules[0].action",
        "FailJob or Ignore",
        "Write",
    ),
    Case(
        "bad step type",
        flow(step("a", type="manual")),
        f"{ONE}.type",
        "Job or Manual",
        "Did you mean Manual?",
    ),
    Case(
        "condition as a boolean",
        flow(step("a", when=True)),
        f"{ONE}.when",
        "a string",
        "Write always",
    ),
]
