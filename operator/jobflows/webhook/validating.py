"""What may be stored as a flow, and what people are told about it. Pure.

The same validator as everywhere decides about a spec; its advice and what an edit cannot change any
more become warnings. Not looked at: a change that leaves the spec alone, so that a flow from before
the webhook can still be stopped and approved, and any change of a flow that is being deleted, so
that it can go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobflows.api.model import JobFlow
from jobflows.api.resume import RESUME_ANNOTATION, ResumeError, read_request
from jobflows.api.validation import advise, check
from jobflows.engine import CompiledFlow, edit, read_status
from jobflows.engine.starts import APPROVED_PREFIX
from jobflows.engine.stopping import STOP_ANNOTATION, STOP_WORDS, read_stop
from jobflows.webhook.review import ALLOWED, Review, Verdict, invalid

CHANGES = ("CREATE", "UPDATE")


def validate(review: Review) -> Verdict:
    """Refuse what the validator refuses; warn of what is unwise, or comes too late."""
    if review.operation not in CHANGES or review.sub_resource:
        return ALLOWED
    told = list(_annotations(review.object or {}, review.old_object))
    leaving = bool(_metadata(review.object).get("deletionTimestamp"))
    if leaving or _same_spec(review.old_object, review.object):
        return Verdict(warnings=told)
    checked = check(review.object or {})
    if checked.flow is None:
        return Verdict(invalid(checked.problems), judged=True)
    told += [str(warning) for warning in advise(checked.flow)]
    if review.old_object is not None:
        told += _edits(review.old_object, checked.flow)
    return Verdict(warnings=told, judged=True)


def _edits(old: Mapping[str, Any], new: JobFlow) -> Iterator[str]:
    """What of an edit has no effect, or stops what runs, in the words of the operator's events."""
    status = old.get("status")
    before = check(old).flow
    if before is None or not isinstance(status, dict) or not status.get("phase"):
        return
    compiled = CompiledFlow.compile(before)
    _, events = edit(compiled, CompiledFlow.compile(new), read_status(compiled, status))
    for event in events:
        if event.warning:
            yield f"step {event.step}: {event.message}" if event.step else event.message


def _annotations(flow: Mapping[str, Any], old: Mapping[str, Any] | None) -> Iterator[str]:
    """Annotations that are new and that the operator will not understand."""
    known = _mapping(_metadata(old).get("annotations"))
    manual: set[Any] | None = None
    for key, value in _mapping(_metadata(flow).get("annotations")).items():
        if known.get(key) == value or not isinstance(value, str):
            continue
        if key == STOP_ANNOTATION and read_stop(value) is None:
            yield f"annotation {key}: {value[:64]!r} is ignored; write {STOP_WORDS}"
        elif key == RESUME_ANNOTATION:
            try:
                read_request(value)
            except ResumeError as error:
                yield str(error)
        elif key.startswith(APPROVED_PREFIX):
            manual = _manual_steps(flow) if manual is None else manual
            step = key.removeprefix(APPROVED_PREFIX)
            if step not in manual:
                yield f"annotation {key} is ignored: there is no Manual step '{step}'"
            elif value.strip().lower() not in ("true", "false"):
                yield f"annotation {key}: {value[:64]!r} is ignored; write true or false"


def _manual_steps(flow: Mapping[str, Any]) -> set[Any]:
    spec = _mapping(flow.get("spec"))
    lists = (spec.get(key) for key in ("steps", "onExit"))
    steps = [step for found in lists if isinstance(found, list) for step in found]
    return {
        name
        for step in steps
        if isinstance(step, dict) and step.get("type") == "Manual"
        if isinstance(name := step.get("name"), str)
    }


def _same_spec(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> bool:
    if old is None or new is None:
        return False
    try:
        return bool(old.get("spec") == new.get("spec"))
    except RecursionError:  # both nested as no Job is: for the validator to refuse
        return False


def _metadata(flow: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return _mapping(flow.get("metadata")) if flow is not None else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
