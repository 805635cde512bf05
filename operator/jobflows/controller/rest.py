"""Finished flows at rest: most of a cluster's, and nothing of them is compiled or kept in memory.

A flow rests until its time to live is over, unless it was edited, asked to resume, or something of
it still runs. Asked by the reconciler before it does any work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobflows.api.resume import RESUME_ANNOTATION
from jobflows.api.validation import check
from jobflows.controller.flowstate import FlowState
from jobflows.controller.glance import glance_policy, glance_status, promises_job_ttl
from jobflows.engine import CompiledFlow, FlowPhase, Instant, is_settled


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is to be done before `until`.

    `steps` are the steps' phases by name, `maps` what its map steps measured, as the status has it.
    """

    until: Instant
    finished: Instant
    phase: FlowPhase
    steps: Mapping[str, str]
    maps: Sequence[Mapping[str, Any]]


def at_rest(state: FlowState, now: Instant) -> Rest | None:
    """Whether a flow is finished and has nothing to do but wait for its TTL."""
    record = state.record
    assert record is not None  # the caller has looked
    status = glance_status(record)
    if not status.phase.terminal or status.finished is None:
        return None
    meta = record.metadata
    if status.observed_generation != meta.generation:  # edited since: mended, or before a resume
        return None
    asked, known = meta.annotations.get(RESUME_ANNOTATION), status.resume
    if asked and not is_settled(asked, taken=known.id, refused=known.refusal.request):
        return None
    if state.sightings.room:  # a request that was held up for long has made a Job after all
        return None
    steps = status.step_phases()
    for name, jobs in state.sightings.jobs.items():
        over = (job.condition("Complete") or job.condition("Failed") for job in jobs.values())
        if steps.get(name) != "Succeeded" and not all(over):
            return None
    if state.sightings.jobs and promises_job_ttl(record):
        return None
    expires = status.finished + glance_policy(record).ttl_seconds_after_finished
    if now >= expires:
        return None
    maps = [step.map for step in status.steps if step.map]
    return Rest(expires, status.finished, status.phase, steps, maps)


def former_flow(state: FlowState) -> CompiledFlow | None:
    """The flow as it was before it was edited at rest, if somebody saw that, and it was valid."""
    flow = check(state.former.document()).flow if state.former is not None else None
    return None if flow is None else CompiledFlow.compile(flow)
