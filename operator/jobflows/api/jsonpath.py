"""JSON paths of output and input parameters: `$.rows`, `extract:$.outputs.rows`.

Only paths that can name one value are accepted (names and indexes; RFC 9535 calls them singular).
A value is what a parameter needs, and wildcards, `..` and filters can be written so that a 4 KB
termination message keeps the operator busy for hours.

The parser is imported on first use: most flows have no paths.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

CURE = "Write a path of names and indexes such as $.rows or $.files[0].name"


class JSONPathError(ValueError):
    """The text is not a path to one value."""


def split_step_path(text: str) -> tuple[str, str]:
    """Split `extract:$.outputs.rows` into step and path; JSONPathError if it is something else."""
    step, colon, path = text.partition(":")
    if not colon or not step.strip():
        raise JSONPathError(f"'{text}' does not name a step before a colon")
    return step.strip(), path.strip()


@lru_cache(maxsize=4096)
def compile_path(path: str) -> tuple[str | int, ...]:
    """Return the names and indexes of a path; JSONPathError says what is wrong with it."""
    import jsonpath  # noqa: PLC0415 - 30 ms that only flows with paths pay

    try:
        compiled = jsonpath.compile(path, strict=True)
    except jsonpath.JSONPathError as error:
        reason = str(error.args[0])  # str(error) itself fails for an empty path
        raise JSONPathError(f"'{path}' is not a JSON path: {reason}") from None
    if not isinstance(compiled, jsonpath.JSONPath) or not compiled.singular_query():
        raise JSONPathError(f"'{path}' can match more than one value")
    return tuple(_key(segment.selectors[0]) for segment in compiled.segments)


def _key(selector: Any) -> str | int:
    key = selector.name if hasattr(selector, "name") else selector.index
    assert isinstance(key, str | int)
    return key


def query(path: str, document: Any) -> str:
    """Return the value at `path` as a parameter's string.

    Strings as they are, numbers and true/false/null as JSON, objects and lists as compact JSON.
    LookupError if there is nothing at the path.
    """
    value = document
    for key in compile_path(path):
        try:
            if isinstance(key, int):
                value = _item(value, key)
            elif isinstance(value, dict):
                value = value[key]
            else:
                raise KeyError(key)
        except (KeyError, IndexError):
            raise LookupError(f"nothing at {path}: no {key!r}") from None
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _item(value: Any, index: int) -> Any:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise IndexError(index)
    return value[index]
