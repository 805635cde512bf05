"""Why something cannot be done, in words for whoever asked for it."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from jobflows.api.validation.problems import listed


class SteerError(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


def unknown(words: str, name: str, known: Collection[str]) -> str:
    """That something has no such name, what it has, and what was probably meant."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    has = f", it has {listed(sorted(known))}" if known else ", it has none"
    return f"{words} '{name}'{has}{hint}"
