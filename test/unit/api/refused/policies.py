"""Flows that are refused: waits, and the objects that are created for a flow."""

from typing import Any

from unit.api.flows import flow, step
from unit.api.refused.base import ONE, A, Case


def backoff(**fields: Any) -> dict[str, Any]:
    return {"backoff": fields}


def claim(name: Any = "data", **spec: Any) -> dict[str, Any]:
    good = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": name}, "spec": {**good, **spec}}


def claims(*claims: Any) -> dict[str, Any]:
    return {"volumeClaimTemplates": list(claims)}


RETRIES = [
    Case(
        "wait of zero",
        flow(step("a", retryPolicy=backoff(duration="0s"))),
        f"{ONE}.retryPolicy.backoff.duration",
        "greater than 0s",
        "10s",
    ),
    Case(
        "wait of 31 days",
        flow(step("a", retryPolicy=backoff(duration="744h"))),
        f"{ONE}.retryPolicy.backoff.duration",
        "30 days",
        "720h",
    ),
    Case(
        "no unit",
        flow(step("a", retryPolicy=backoff(duration="10"))),
        f"{ONE}.retryPolicy.backoff.duration",
        "'10' is not a duration",
        "unit",
    ),
    Case(
        "factor below one",
        flow(step("a", retryPolicy=backoff(factor=0.5))),
        f"{ONE}.retryPolicy.backoff.factor",
        "at least 1",
        "range",
    ),
    Case(
        "jitter above one",
        flow(step("a", retryPolicy=backoff(jitter=1.5))),
        f"{ONE}.retryPolicy.backoff.jitter",
        "at most 1",
        "range",
    ),
    Case(
        "maximum below the first wait",
        flow(step("a", retryPolicy=backoff(duration="1m", maxDuration="30s"))),
        f"{ONE}.retryPolicy.backoff.maxDuration",
        "30s is less than the first wait, 1m",
        "Raise",
    ),
]


RESOURCES = [
    Case(
        "claim without name",
        flow(A, resourceTemplates=claims(claim(None))),
        "spec.resourceTemplates.volumeClaimTemplates[0].metadata.name",
        "no name",
        "metadata",
    ),
    Case(
        "claim without access",
        flow(A, resourceTemplates=claims(claim(accessModes=[]))),
        "spec.resourceTemplates.volumeClaimTemplates[0].spec.accessModes",
        "required",
        "ReadWrite",
    ),
    Case(
        "claim without size",
        flow(A, resourceTemplates=claims(claim(resources={}))),
        "spec.resourceTemplates.volumeClaimTemplates[0].spec.resources.requests.storage",
        "required",
        "10Gi",
    ),
    Case(
        "two claims of one name",
        flow(A, resourceTemplates=claims(claim(), claim())),
        "spec.resourceTemplates.volumeClaimTemplates[1].metadata.name",
        "exists already",
        "Rename",
    ),
    Case(
        "claim too long with the flow",
        flow(A, name="f" * 200, resourceTemplates=claims(claim("d" * 53))),
        "spec.resourceTemplates.volumeClaimTemplates[0].metadata.name",
        "254 characters",
        "Shorten",
    ),
    Case(
        "ConfigMap without name",
        flow(A, resourceTemplates={"configMapTemplates": [{}]}),
        "spec.resourceTemplates.configMapTemplates[0].metadata.name",
        "no name",
        "metadata.name",
    ),
    Case(
        "claim of nothing",
        flow(
            A,
            resourceTemplates=claims(claim(resources={"requests": {"storage": "0"}})),
        ),
        "spec.resourceTemplates.volumeClaimTemplates[0].spec.resources.requests.storage",
        "greater than zero",
        "10Gi",
    ),
    Case(
        "claim with a bad name",
        flow(A, resourceTemplates=claims(claim("Data"))),
        "spec.resourceTemplates.volumeClaimTemplates[0].metadata.name",
        "not a DNS name",
        "lower-case",
    ),
]
