"""Flows that are refused: words about their end that would mean nothing."""

from unit.api.flows import flow
from unit.api.refused.base import A, Case

ENDINGS = [
    Case(
        "mode of failFast without failFast",
        flow(A, executionPolicy={"failFastMode": "Terminate"}),
        "spec.executionPolicy.failFastMode",
        "nothing without failFast",
        "failFast: true",
    ),
    Case(
        "misspelt mode of failFast",
        flow(A, executionPolicy={"failFast": True, "failFastMode": "Drian"}),
        "spec.executionPolicy.failFastMode",
        "must be Drain or Terminate",
        "Did you mean Drain?",
    ),
]
