"""The conditions in the status of a flow: whether its spec is valid, and whether it has succeeded.

A transition time moves only when the status of a condition does, as Kubernetes has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobflows.engine.ledger import FlowPhase, Instant, Ledger, Reason
from jobflows.engine.times import rfc3339

MESSAGE_LENGTH = 1024
"""Longest message kept in the status, in characters; etcd holds 1.5 MB an object."""


def conditions(
    ledger: Ledger,
    generation: int,
    now: Instant,
    before: Sequence[Mapping[str, Any]] = (),
    problems: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """The conditions of a flow that was valid once, and has these problems now."""
    succeeded = {FlowPhase.SUCCEEDED: "True", FlowPhase.FAILED: "False"}.get(
        ledger.phase, "Unknown"
    )
    valid = ("Valid", "False", Reason.INVALID, "; ".join(problems))
    wanted = [
        valid if problems else ("Valid", "True", "Valid", ""),
        ("Succeeded", succeeded, ledger.reason or str(ledger.phase), ledger.message),
    ]
    return [_condition(*fields, generation=generation, now=now, before=before) for fields in wanted]


def invalid_conditions(
    problems: Sequence[str],
    *,
    generation: int,
    now: Instant,
    final: bool,
    before: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """The conditions of a flow that the validator rejects; `final` when it never started."""
    words = "; ".join(problems)
    kinds = ("Valid", "Succeeded") if final else ("Valid",)
    return [
        _condition(
            kind, "False", Reason.INVALID, words, generation=generation, now=now, before=before
        )
        for kind in kinds
    ]


def _condition(
    kind: str,
    status: str,
    reason: str,
    message: str,
    *,
    generation: int,
    now: Instant,
    before: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    old = next((c for c in before if c.get("type") == kind), None)
    moved = old is None or old.get("status") != status
    return {
        "type": kind,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": rfc3339(now) if moved or old is None else old["lastTransitionTime"],
        "reason": str(reason),
        "message": message[: 8 * MESSAGE_LENGTH],
    }
