"""What the API server's schema says of a flow: its types and ranges, and its rules in CEL.

Decision 0009 says who checks what; here the two are held against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import cel

from jobflows.api.crd import crd
from model import kind_of
from model.errors import ApiError
from model.schema import shape

SPEC = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def refusals(document: dict[str, Any]) -> list[str]:
    """Why the schema refuses a flow, and what it would silently drop."""
    try:
        stored = shape(kind_of("jobflows"), {**document, "metadata": {"name": "any"}})
    except ApiError as error:
        return [str(error)]
    return [*_dropped(document["spec"], stored["spec"], "spec"), *_rules(SPEC, stored["spec"])]


def _dropped(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict):
        for key, value in before.items():
            if key in after:
                yield from _dropped(value, after[key], f"{path}.{key}")
            elif value is not None:
                yield f"{path}.{key} is dropped"
    elif isinstance(before, list):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _dropped(old, new, f"{path}[{index}]")


@cache
def _program(rule: str) -> Any:
    return cel.compile(rule)


def _rules(schema: dict[str, Any], value: Any) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        seen = {key: True if isinstance(v, dict | list) else v for key, v in value.items()}
        if not _program(rule["rule"]).execute({"self": seen}):
            yield rule["message"]
    for key, inner in schema.get("properties", {}).items():
        if isinstance(value, dict) and key in value:
            yield from _rules(inner, value[key])
    if "items" in schema and isinstance(value, list):
        for item in value:
            yield from _rules(schema["items"], item)
