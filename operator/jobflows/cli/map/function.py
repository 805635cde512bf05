"""A function whose results are JSON."""

from __future__ import annotations

import json
from typing import Any

from jobflows.calling.function import find_function


class JsonFunction:
    """The function under a name, with its result as JSON text: encoding is done by the workers.

    It crosses processes by its name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.function = find_function(name)

    def __reduce__(self) -> tuple[type[JsonFunction], tuple[str]]:
        return JsonFunction, (self.name,)

    def __call__(self, item: Any) -> str:
        return encode(self.function(item))


def encode(result: Any) -> str:
    """JSON in one line; raises `TypeError` or `ValueError` with the cure for what is none."""
    try:
        text = json.dumps(result, default=_plain, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise ValueError(
            f"the result is not JSON: {error}; return None or a string instead of nan and inf, "
            "and nothing that holds itself"
        ) from None
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        return json.dumps(result, default=_plain, allow_nan=False)  # half letters, as escapes
    return text


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy and its kin as plain ones."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(
        f"the result is not JSON: it holds a {type(value).__name__}; return dicts, lists, strings, "
        "numbers, booleans or None"
    )
