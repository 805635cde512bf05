"""Flows that are refused: locks and limits."""

from typing import Any

from unit.api.flows import flow, step
from unit.api.refused.base import ONE, Case


def locked(name: str, *locks: dict[str, Any]) -> dict[str, Any]:
    return step(name, locks=list(locks))


LOCKS = [
    Case(
        "lock named twice",
        flow(locked("a", {"name": "db"}, {"name": "db"})),
        f"{ONE}.locks[1].name",
        "'db' exists already",
        "Remove",
    ),
    Case(
        "lock that no annotation can name",
        flow(locked("a", {"name": "My DB"})),
        f"{ONE}.locks[0].name",
        "'My DB' cannot be the name of a lock",
        "lower-case",
    ),
    Case(
        "two limits for one lock",
        flow(locked("a", {"name": "db"}), locked("b", {"name": "db", "limit": 3})),
        "spec.steps[1].locks[0].limit",
        "has limit 1 in step 'a'",
        "same limit",
    ),
    Case(
        "lock of nobody",
        flow(locked("a", {"name": "db", "limit": 0})),
        f"{ONE}.locks[0].limit",
        "at least 1",
        "range",
    ),
    Case(
        "person with a lock",
        flow({"name": "a", "type": "Manual", "locks": [{"name": "db"}]}),
        f"{ONE}.locks",
        "runs nothing",
        "steps behind it",
    ),
    Case(
        "less than none at once",
        flow(step("a"), executionPolicy={"parallelism": -1}),
        "spec.executionPolicy.parallelism",
        "at least 0",
        "range",
    ),
    Case(
        "priority beyond 32 bits",
        flow(step("a"), executionPolicy={"priority": 2**31}),
        "spec.executionPolicy.priority",
        "at most",
        "range",
    ),
]
