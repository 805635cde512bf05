"""By which spec a flow is watched over whose own has become invalid while it ran.

The last valid one, as long as the operator remembers it: then all that runs is followed by it.
After a restart nobody knows it any more; what is left is a bare flow of the steps' names and the
deadline, which is enough to end it and says nothing of its steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from jobflows.api.validation import check
from jobflows.controller.flowstate import FlowState
from jobflows.controller.glance import glance_policy, glance_status
from jobflows.engine import CompiledFlow, Hold
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests.records import FlowRecord


def stand_in(state: FlowState) -> CompiledFlow | None:
    """The spec to go by until it is mended; None for a flow that has not begun, or has ended."""
    record = state.record
    if record is None or glance_status(record).phase.terminal:
        return None
    generation = record.metadata.generation
    if state.flow is not None and (
        state.hold is not Hold.ALL or state.flow.generation == generation
    ):
        state.hold = state.hold or Hold.STARTS
        return state.flow
    bare = bare_flow(record)
    if bare is not None:
        state.hold, state.flow, state.ledger = Hold.ALL, None, None  # read anew from the status
    return bare


def is_mended(state: FlowState) -> None:
    """The spec is valid: what was decided by a bare flow is read from the status again."""
    if state.hold is Hold.ALL:
        state.flow, state.ledger = None, None
    state.hold = None


def bare_flow(record: FlowRecord) -> CompiledFlow | None:
    """The steps that the spec or the status names, with the flow's deadline; no step does a thing.

    None if not even that can be understood.
    """
    spec: Mapping[str, Any] = msgspec.json.decode(record.spec)
    known = record.decoded_status().get("steps") or ()
    handlers = {step["name"] for step in known if step.get("onExit")} | _names(spec.get("onExit"))
    steps = {*glance_status(record).step_phases(), *_names(spec.get("steps"))} - handlers
    policy = glance_policy(record)
    wanted = {
        "activeDeadlineSeconds": policy.active_deadline_seconds,
        "ttlSecondsAfterFinished": policy.ttl_seconds_after_finished,
        "concurrencyGroup": policy.concurrency_group,
    }
    document = record.document() | {
        "spec": {
            "suspend": spec.get("suspend") is True,
            "executionPolicy": {key: value for key, value in wanted.items() if value is not None},
            "steps": [{"name": name, "type": "Manual"} for name in sorted(steps)],
            **({"onExit": [_nothing(name) for name in sorted(handlers)]} if handlers else {}),
        }
    }
    flow = check(document).flow
    created = parse_rfc3339(record.metadata.creationTimestamp) or 0.0
    return None if flow is None else CompiledFlow.compile(flow, created=created)


def _names(steps: Any) -> set[str]:
    if not isinstance(steps, Iterable):
        return set()
    names = (step.get("name") for step in steps if isinstance(step, Mapping))
    return {name for name in names if isinstance(name, str)}


def _nothing(name: str) -> dict[str, Any]:
    containers = [{"name": "main", "image": "none"}]
    return {"name": name, "template": {"spec": {"template": {"spec": {"containers": containers}}}}}
