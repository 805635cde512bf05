"""Durations as Go writes them (`10s`, `1h30m`, `1.5s`), the form of every duration in Kubernetes.

Python has no parser for them. Seconds as float inside the project, the text form only at the edge.
"""

import re
from fractions import Fraction

PATTERN = r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$"
"""The accepted text: unsigned, at least one unit. Also the pattern in the CRD."""

DAY = 86_400.0

_UNITS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_WHOLE = re.compile(PATTERN.strip("^$"))
_TERM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")


def parse_duration(text: object) -> float:
    """Return the seconds of a Go duration; ValueError says what is expected.

    A float (seconds) passes through, so that a model can be built from Python as well.
    """
    if isinstance(text, float):
        return text
    if not isinstance(text, str) or len(text) > 32 or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration such as 30s, 1m30s or 500ms")
    # Exact until the end: 0.1s + 0.2s is 0.3, and 1h is 3600.0 to the last bit.
    return float(sum(Fraction(number) * _UNITS[unit] for number, unit in _TERM.findall(text)))


def format_duration(seconds: float) -> str:
    """Return the shortest exact Go duration of a number of seconds, to the nanosecond."""
    nanoseconds = round(seconds * 10**9)
    if nanoseconds == 0:
        return "0s"
    parts = []
    for unit, size in (("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9)):
        count, nanoseconds = divmod(nanoseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    for unit, size in (("ms", 10**6), ("us", 10**3), ("ns", 1)):
        count, nanoseconds = divmod(nanoseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
