"""Durations as Go writes them (`10s`, `1h30m`, `1.5s`), the form of every duration in Kubernetes.

Python has no parser for them. Seconds as float inside the project, the text form only at the edge.
How long records are kept is said in spans that Go has no words for (`36h`, `90d`, `12w`).
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

_SPAN = re.compile(r"(\d+(?:\.\d+)?)([hdw])")
_SPAN_UNITS = {"h": 3600.0, "d": DAY, "w": 7 * DAY}


def parse_duration(text: object) -> float:
    """Return the seconds of a Go duration; ValueError says what is expected.

    A number is none, as for the API server: seconds and minutes are easily mixed up.
    """
    if not isinstance(text, str) or len(text) > 32 or not _WHOLE.fullmatch(text):
        said = repr(text) if isinstance(text, str | bool | int | float) else "this"
        raise ValueError(f"{said:.60} is not a duration such as 30s, 1m30s or 500ms")
    # Exact until the end: 0.1s + 0.2s is 0.3, and 1h is 3600.0 to the last bit.
    return float(sum(Fraction(number) * _UNITS[unit] for number, unit in _TERM.findall(text)))


def parse_span(text: str) -> float:
    """Return the seconds of hours, days or weeks; ValueError says what is expected."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r:.60} is no time span; write hours, days or weeks, such as 36h, 90d, 12w"
        )
    return float(found[1]) * _SPAN_UNITS[found[2]]


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
