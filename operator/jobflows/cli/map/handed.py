"""Items that are handed over in an environment variable: the block of one task of a map step.

`{"first": 20, "items": […]}`: `first` is the place of the block's first item among all, so that
results and failures count through the whole step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from jobflows.cli.map.refusal import Refused

PREFIX = "env:"


def read_handed(
    named: str, environment: Mapping[str, str] = os.environ
) -> tuple[list[Any], int, str]:
    """The items of `env:NAME`, the place of the first one, and the text itself."""
    name = named.removeprefix(PREFIX)
    text = environment.get(name)
    if text is None:
        raise Refused(f"--items {named}: there is no variable {name}; name a file instead")
    try:
        block = json.loads(text)
        items, first = block["items"], block["first"]
    except (ValueError, KeyError, TypeError, RecursionError):
        items = first = None
    if not isinstance(items, list) or not isinstance(first, int) or first < 0:
        raise Refused(f'--items {named}: give {{"first": 0, "items": [ … ]}}, not {text[:60]!r}')
    return items, first, text
