"""Label and field selectors, parsed once a request into a predicate over records."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from model.errors import bad_request
from model.kinds import JOBS, NAMESPACES, PODS, Kind
from model.storage import Record

Predicate = Callable[[Record], bool]
Labels = dict[str, str]
Requirement = Callable[[Labels], bool]

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^)]*)\)$")
_COMMA = re.compile(r",(?![^(]*\))")  # commas outside of parentheses
_KEY = re.compile(r"^([a-z0-9A-Z.-]+/)?[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$")

_FIELDS: dict[Kind, tuple[str, ...]] = {
    PODS: ("spec.nodeName", "spec.restartPolicy", "status.phase"),
    JOBS: ("status.successful",),
    NAMESPACES: ("status.phase",),
}


def selector(kind: Kind, labels: str, fields: str) -> Predicate | None:
    """The predicate of a request's two selectors; None when it selects everything."""
    requirements = [_requirement(text.strip()) for text in _COMMA.split(labels) if text.strip()]
    comparisons = [_comparison(kind, text.strip()) for text in fields.split(",") if text.strip()]
    if not requirements and not comparisons:
        return None

    def matches(record: Record) -> bool:
        of_record = record.metadata.get("labels") or {}
        return all(r(of_record) for r in requirements) and all(c(record) for c in comparisons)

    return matches


def _requirement(text: str) -> Requirement:
    if found := _SET.match(text):
        key = _checked(found["key"], text)
        values = tuple(value.strip() for value in found["values"].split(","))
        if found["op"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if "!=" in text:
        key, value = _sides(text, "!=")
        return lambda labels: labels.get(key) != value
    if "=" in text:
        key, value = _sides(text, "==" if "==" in text else "=")
        return lambda labels: labels.get(key) == value
    if text.startswith("!"):
        absent = _checked(text[1:].strip(), text)
        return lambda labels: absent not in labels
    key = _checked(text, text)
    return lambda labels: key in labels


def _sides(text: str, operator: str) -> tuple[str, str]:
    key, _, value = text.partition(operator)
    return _checked(key.strip(), text), value.strip()


def _checked(key: str, text: str) -> str:
    if not _KEY.match(key):
        raise bad_request(f"unable to parse requirement: {text}")
    return key


def _comparison(kind: Kind, text: str) -> Predicate:
    negated = "!=" in text
    operator = "!=" if negated else "==" if "==" in text else "="
    field, found, value = text.partition(operator)
    if not found:
        raise bad_request(f"invalid field selector: {text!r}; can't understand {text!r}")
    if field not in ("metadata.name", "metadata.namespace", *_FIELDS.get(kind, ())):
        raise bad_request(_unknown_field(kind, field))
    path = "status.succeeded" if field == "status.successful" else field
    zero = "0" if field == "status.successful" else ""
    return lambda record: (_field(record.obj, path, zero) == value) != negated


def _unknown_field(kind: Kind, field: str) -> str:
    if kind in _FIELDS:
        return f'field label "{field}" not supported for {kind.kind}'
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def _field(obj: dict[str, Any], path: str, zero: str) -> str:
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return zero if value is None else str(value)
