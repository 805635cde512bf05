"""Which failures are one: messages that differ only in numbers, names and paths.

A pattern has a mark for each of those, so that ten thousand tasks that failed at ten thousand
addresses are one line. Exit codes stay: 1 and 137 are not the same. The rule is fixed and looks at
one message at a time, so that a failure belongs where it belongs, whenever it was seen.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from jobflows.archive.words import shown

LONGEST = 300

_NOT_A_CODE = r"(?<!exit code )"
_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?%?"

_MARKS = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]+"), "<url>"),
    (re.compile(r"(?<![\w<])(?:[A-Za-z]:)?(?:[\\/][\w.@+~-]+){2,}[\\/]?"), "<path>"),
    (re.compile(rf"{_NOT_A_CODE}(?<![\w.-]){_NUMBER}(?![\w.-]*\w)"), "<n>"),
    (re.compile(rf"{_NOT_A_CODE}(?<![\w<.-])(?=[\w.-]*\d)\w[\w.-]*\w(?![\w>])"), "<id>"),
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`id` is the same for failures that are one."""

    id: str
    pattern: str
    sample: str


def fingerprint(cause: str, message: str) -> Fingerprint:
    """What a failure is counted with."""
    sample = " ".join(shown(message).split())
    pattern = sample[: 4 * LONGEST]
    for expression, mark in _MARKS:
        pattern = expression.sub(mark, pattern)
    pattern = pattern[:LONGEST] or "(no message)"
    digest = hashlib.blake2b(f"{cause}\n{pattern}".encode(), digest_size=10).hexdigest()
    return Fingerprint(digest, pattern, sample)


def telling_line(tail: str) -> str:
    """The line of a log that says most: the last one that is not blank."""
    return next((line for line in reversed(tail.splitlines()) if line.strip()), "")
