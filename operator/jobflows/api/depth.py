"""Objects that are nested as no honest one is, made flat enough to be read.

An API server takes JSON of 10,000 levels in fields that pass through, such as a step's template; a
decoder that recurses gives up long before. Whoever may create one flow must not be able to blind
the operator to all others, so what lies too deep is cut out, and the rest is read: the validator
refuses what is left in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEEPEST = 250
"""Levels kept, of a list page: more than the validator allows, less than a decoder can do."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)


def decoded(decode: Callable[[bytes], T], data: bytes) -> T:
    """`decode(data)`, without what is nested too deeply for it."""
    try:
        return decode(data)
    except RecursionError:
        return decode(flattened(data))


def flattened(data: bytes) -> bytes:
    """JSON with null in the place of each object and list that lies deeper than `DEEPEST`."""
    kept: list[bytes] = []
    depth = begin = 0
    for token in _TOKEN.finditer(data):
        if token[0] in (b"{", b"["):
            depth += 1
            if depth == DEEPEST + 1:
                kept += (data[begin : token.start()], b"null")
        elif token[0] in (b"}", b"]"):
            if depth == DEEPEST + 1:
                begin = token.end()
            depth -= 1
    kept.append(data[begin:])
    return b"".join(kept)
