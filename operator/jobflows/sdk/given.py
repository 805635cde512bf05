"""Arguments of another type than they are annotated with, told of where they are given.

Python does not look at annotations; what is wrong would come to light far away, in words about
attributes that nobody wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jobflows.sdk.errors import DefinitionError


def text(owner: str, what: str, value: object) -> str:
    """A text, or a `DefinitionError`."""
    if isinstance(value, str):
        return value
    raise DefinitionError(f"{owner}: {what} must be a text, not {shown(value)}; put it in quotes")


def mapping(owner: str, what: str, value: object) -> Mapping[str, Any]:
    """A dict with texts for keys, empty for None; or a `DefinitionError`."""
    if value is None:
        return {}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return value
    raise DefinitionError(
        f"{owner}: {what} must be a dict with names for keys, not {shown(value)}; "
        'write {"name": value}'
    )


def names(owner: str, what: str, value: object) -> tuple[str, ...]:
    """Texts, or a `DefinitionError`."""
    if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping):
        found = tuple(value)
        if all(isinstance(each, str) for each in found):
            return found
    raise DefinitionError(
        f'{owner}: {what} must be a list of texts, not {shown(value)}; write ["a", "b"]'
    )


def listed(owner: str, what: str, value: object) -> list[Any]:
    """What somebody gave a list of, or a `DefinitionError`."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return list(value)
    raise DefinitionError(f"{owner}: {what} must be a list, not {shown(value)}; write [ … ]")


def shown(value: object) -> str:
    """A value as a message quotes it."""
    quoted = repr(value)
    return quoted if len(quoted) <= 60 else f"{quoted[:57]}..."
