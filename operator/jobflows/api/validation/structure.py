"""The structure of a flow: pydantic's errors, in words that say what to do.

Also cuts what is malformed out of the document, so that one misspelt field does not hide the
problems of meaning: `salvage` gives the largest part that still makes a flow.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from jobflows.api.base import Model
from jobflows.api.model import API_VERSION, KIND, JobFlow
from jobflows.api.validation.problems import Path, Problem, Spelling, shown

DEEPEST = 100

# Words of other workflow engines for the same thing.
_SYNONYMS = {
    "depends": "dependencies",
    "dependsOn": "dependencies",
    "needs": "dependencies",
    "runAfter": "dependencies",
    "retries": "retryPolicy",
    "retryStrategy": "retryPolicy",
    "timeout": "timeoutSeconds",
    "activeDeadlineSeconds": "timeoutSeconds",
    "condition": "when",
    "tasks": "steps",
    "jobs": "steps",
    "arguments": "parameters",
    "jobTemplate": "template",
    "templateName": "templateRef",
    "taskTemplates": "templates",
}
_IN_TEMPLATE = frozenset(("image", "command", "args", "env", "container", "containers", "script"))

_EXPECTED = {
    "string_type": ("a string", "Put the value in quotes"),
    "int_type": ("a whole number", "Write a number without quotes and without a fraction"),
    "int_from_float": ("a whole number", "Write a number without quotes and without a fraction"),
    "float_type": ("a number", "Write a number without quotes"),
    "bool_type": ("true or false", "Write true or false, without quotes"),
    "dict_type": ("a mapping", "Write indented lines of the form `key: value`"),
    "model_type": ("a mapping", "Write indented lines of the form `key: value`"),
    "tuple_type": ("a list", "Write one line `- item` for each item"),
}


def too_deep(document: Mapping[Any, Any]) -> Problem | None:
    """Return a problem for nesting that no Job has, and that recursive code could not follow."""
    level: list[Any] = [document]
    for _ in range(DEEPEST + 1):
        if not level:
            return None
        level = [item for value in level for item in _inside(value) if _holds(item)]
    return Problem(_way_down(document), f"is nested more than {DEEPEST} levels deep", "Flatten it")


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _holds(value: Any) -> bool:
    return isinstance(value, dict | list | tuple)


def _way_down(document: Mapping[Any, Any]) -> Path:
    """The beginning of a path that is too long."""
    ways: list[tuple[Path, Any]] = [((), document)]
    while ways and len(ways[-1][0]) <= DEEPEST:
        path, value = ways.pop()
        items = value.items() if isinstance(value, dict) else enumerate(value)
        ways.extend(((*path, key), item) for key, item in items if _holds(item))
    return ways[-1][0][:8]


def read(
    document: Mapping[Any, Any], spelling: Spelling, *, most: int
) -> tuple[JobFlow | None, list[Problem]]:
    """Return the flow, or as much of it as can be read, and `most` problems of its structure."""
    try:
        return JobFlow.model_validate(document), []
    except ValidationError as error:
        details = [
            detail
            for detail in error.errors(include_url=False)
            # pydantic counts valid items only, and so calls a list of one bad item empty.
            if not (detail["type"] == "too_short" and detail["input"])
        ][:most]
    return salvage(document, details), [_problem(detail, spelling) for detail in details]


_INDISPENSABLE = ("name", "steps", "onExit", "templates", "spec", "metadata", "apiVersion", "kind")


def salvage(document: Mapping[Any, Any], details: list[ErrorDetails]) -> JobFlow | None:
    """Return the flow without its malformed fields; None if too little is left.

    Only keys of mappings are cut: without an item of a list all later indexes would be wrong, and
    without a step its dependents would seem to be.
    """
    rest: Any = copy.deepcopy(dict(document))
    for detail in details:
        parts = list(detail["loc"])
        while parts and not isinstance(parts[-1], str):
            parts.pop()
        if not parts or parts[-1] in _INDISPENSABLE:
            return None
        parent = _descend(rest, parts[:-1])
        if isinstance(parent, dict):
            parent.pop(parts[-1], None)
    try:
        return JobFlow.model_validate(rest)
    except ValidationError:
        return None


def _descend(value: Any, path: list[Any]) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _problem(detail: ErrorDetails, spelling: Spelling) -> Problem:
    path: Path = detail["loc"]
    kind = detail["type"]
    value = detail["input"]
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_field(path, spelling)
    if kind == "missing":
        return _missing_field(path)
    if kind in _EXPECTED:
        expected, cure = _EXPECTED[kind]
        if path[-1] == "when" and isinstance(value, bool):
            cure = f"Write {'always' if value else 'never'}"
        return Problem(path, f"must be {expected}, not {shown(value)}", cure)
    if kind == "literal_error":
        return _wrong_choice(path, value, str(context["expected"]), spelling)
    if kind == "too_short":
        return Problem(path, "must not be empty", _FILL.get(str(path[-1]), "Add at least one item"))
    if kind == "too_long":
        limit = context["max_length"]
        return Problem(path, f"has more than {limit} items", "Split it up")
    if kind == "string_too_short":
        return Problem(path, "must not be empty", "Write a value or leave the field out")
    if kind == "string_too_long":
        limit = context["max_length"]
        return Problem(path, f"is longer than {limit} characters", "Shorten it")
    if kind == "value_error":
        error = context["error"]
        cure = getattr(error, "cure", "Write a number with a unit: ms, s, m or h")
        return Problem(path, str(error), cure)
    for bound, words in (
        ("ge", "at least"),
        ("gt", "greater than"),
        ("le", "at most"),
        ("lt", "less than"),
    ):
        if bound in context:
            rule = f"must be {words} {context[bound]:.12g}"
            return Problem(path, f"{rule}, not {shown(value)}", "Write a number in this range")
    return Problem(path, detail["msg"][:1].lower() + detail["msg"][1:], "Correct the value")


_FILL = {
    "steps": "Add at least one step with a name and a template",
    "values": "List the exit codes, such as [1, 2]",
    "rules": "Add a rule with action and onExitCodes, or leave podFailurePolicy out",
}

_REQUIRED = {
    "apiVersion": f"Write `apiVersion: {API_VERSION}` on the first line",
    "kind": f"Write `kind: {KIND}`",
    "metadata": "Write `metadata:` with a `name:` in it",
    "spec": "Write `spec:` with `steps:` in it",
    "steps": "Write `steps:` with at least one step",
    "name": "Give it a name",
    "value": 'Write `value: "…"`',
    "onExitCodes": "Write `onExitCodes:` with operator and values",
    "operator": "Write In or NotIn",
    "valueFrom": "Write `valueFrom:` with a jsonPath such as $.rows",
    "jsonPath": "Write `jsonPath:` with a path such as $.rows",
}


def _missing_field(path: Path) -> Problem:
    name = str(path[-1])
    cure = _REQUIRED.get(name, f"Write `{name}:`")
    return Problem(path, f"{name} is required", cure)


def _unknown_field(path: Path, spelling: Spelling) -> Problem:
    name = str(path[-1])
    model = _model_at(path[:-1])
    known = [field.alias or key for key, field in model.model_fields.items()]
    if name in model.refused:
        return Problem(path, f"{name} is not supported", model.refused[name])
    message = f"unknown field '{name}'"
    if _SYNONYMS.get(name) in known:
        return Problem(path, message, f"Did you mean {_SYNONYMS[name]}?")
    if name in _IN_TEMPLATE and "template" in known:
        cure = "Put it into template.spec.template.spec.containers"
        return Problem(path, message, cure)
    close = spelling.did_you_mean(name, known)
    return Problem(path, message, close or f"Remove it; known here are {', '.join(known)}")


def _wrong_choice(path: Path, value: Any, expected: str, spelling: Spelling) -> Problem:
    choices = [choice.strip("'") for choice in expected.replace(" or ", ", ").split(", ")]
    message = f"must be {' or '.join(choices)}, not {shown(value)}"
    if len(choices) == 1:
        return Problem(path, message, f"Write {choices[0]}")
    cure = spelling.did_you_mean(str(value), choices)
    return Problem(path, message, cure or f"Write {choices[0]}")


def _model_at(path: Path) -> type[Model]:
    """Return the model that describes the mapping at `path`."""
    model: type[Model] = JobFlow
    for part in path:
        if isinstance(part, int):
            continue
        field = next(f for key, f in model.model_fields.items() if (f.alias or key) == part)
        model = _model_of(field)
    return model


def _model_of(field: FieldInfo) -> type[Model]:
    """Return the one model in a field's annotation: `Step` of `tuple[Step, ...] | None`."""
    waiting: list[Any] = [field.annotation]
    while waiting:
        annotation = waiting.pop()
        if isinstance(annotation, type) and issubclass(annotation, Model):
            return annotation
        waiting.extend(get_args(annotation))
    raise LookupError(f"no model in {field.annotation}")
