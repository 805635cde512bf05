"""A look at a flow without compiling it.

Most flows of a cluster are finished most of the time. To know that nothing is to be done for one
of them until its TTL is over takes a handful of its fields, read in microseconds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from jobflows.engine import FlowPhase, Instant
from jobflows.engine.alike import named
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests.records import FlowRecord

DEFAULT_TTL = 86_400


class Policy(msgspec.Struct, rename="camel"):
    """The part of `executionPolicy` that matters outside of the flow itself."""

    concurrency_policy: str = "Forbid"
    concurrency_group: str | None = None
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int = DEFAULT_TTL


class StepStatus(msgspec.Struct):
    name: str
    phase: str = ""
    alike: str = ""
    map: dict[str, Any] = {}


class ResumeRefusal(msgspec.Struct):
    request: str = ""


class ResumeStatus(msgspec.Struct):
    id: str = ""
    time: str | None = None
    run: int = 1
    refusal: ResumeRefusal = msgspec.field(default_factory=ResumeRefusal)


class Status(msgspec.Struct, rename="camel"):
    """The part of `status` that says whether the flow is over."""

    observed_generation: int = 0
    phase: FlowPhase = FlowPhase.PENDING
    start_time: str | None = None
    completion_time: str | None = None
    resume: ResumeStatus = msgspec.field(default_factory=ResumeStatus)
    steps: list[StepStatus] = []

    def step_phases(self) -> dict[str, str]:
        """The phase of each step that there is anything to say of."""
        return {name: step.phase for step in self.steps for name in (step.name, *named(step.alike))}

    @property
    def started(self) -> Instant | None:
        return parse_rfc3339(self.start_time)

    @property
    def finished(self) -> Instant | None:
        return parse_rfc3339(self.completion_time)

    @property
    def resumed(self) -> Instant | None:
        return parse_rfc3339(self.resume.time)


class _JobSpec(msgspec.Struct):
    ttlSecondsAfterFinished: int | None = None  # noqa: N815 - the API's own name


class _Template(msgspec.Struct):
    spec: _JobSpec = msgspec.field(default_factory=_JobSpec)


class _Step(msgspec.Struct):
    template: _Template = msgspec.field(default_factory=_Template)


class _Spec(msgspec.Struct, rename="camel"):
    execution_policy: Policy = msgspec.field(default_factory=Policy)


class _Steps(msgspec.Struct, rename="camel"):
    steps: list[_Step] = []
    templates: list[_Step] = []
    on_exit: list[_Step] = []


_decode_spec = msgspec.json.Decoder(_Spec).decode
_decode_steps = msgspec.json.Decoder(_Steps).decode
_decode_status = msgspec.json.Decoder(Status).decode


def glance_policy(record: FlowRecord) -> Policy:
    """The policy; defaults where it cannot be read, for the validator has the words for that."""
    try:
        return _decode_spec(record.spec).execution_policy
    except msgspec.DecodeError:
        return Policy()


def glance_status(record: FlowRecord) -> Status:
    """The status; that of a new flow where there is none."""
    try:
        return _decode_status(record.status)
    except msgspec.DecodeError:
        return Status()


def promises_job_ttl(record: FlowRecord) -> bool:
    """Whether a template asks for its Job to be deleted some time after it has finished."""
    try:
        spec = _decode_steps(record.spec)
    except msgspec.DecodeError:
        return False
    owners = (*spec.templates, *spec.steps, *spec.on_exit)
    return any(owner.template.spec.ttlSecondsAfterFinished is not None for owner in owners)
