"""How values are put into words on a page: filters of the templates.

Rule: whatever a program or its user may have written goes through `plain` or `line` on its way to
a page, so that colours of a terminal, letters that turn the direction of writing and bytes that are
no text neither hide nor fake anything. Markup is escaped by the templates themselves.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, tzinfo

from jobflows.measures import duration

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
KEPT = "\n\t"
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn"}
"""Categories of letters without a face; some of them turn the direction of writing."""

LONGEST_LINE = 300
LONGEST_TEXT = 64 * 1024

UNKNOWN = "\N{EN DASH}"

GLYPHS = {
    "Succeeded": "✓",
    "Failed": "✗",
    "Running": "▶",
    "Pending": "○",
    "PendingApproval": "?",
    "Skipped": UNKNOWN,
    "Paused": "‖",
    "Suspended": "‖",
    "Lost": "✗",
}
"""So that nobody needs to tell colours apart."""


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """Text as it may be shown: what would not be seen is a small square."""
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]}\n… {len(text) - longest} letters are left out …\n{text[-half:]}"
    text = ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    if text.isprintable():
        return text
    return "".join(c if c in KEPT or unicodedata.category(c) not in HIDDEN else "▫" for c in text)


def line(text: str, longest: int = LONGEST_LINE) -> str:
    """The same in one line."""
    text = " ".join(plain(text[: 4 * longest]).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def phase_class(phase: object) -> str:
    """The class that colours a phase; words that are no phase have none."""
    name = str(phase)
    return f"p-{name.lower()}" if name in GLYPHS else "p-none"


def glyph(phase: object) -> str:
    """A letter for a phase."""
    return GLYPHS.get(str(phase), "·")


def clock(seconds: float | None, zone: tzinfo = UTC) -> str:
    """A time to the second."""
    at = _moment(seconds, zone)
    return UNKNOWN if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def stamp(seconds: float | None) -> str:
    """The same for programs."""
    at = _moment(seconds, UTC)
    return "" if at is None else at.isoformat(timespec="milliseconds")


def span(seconds: float | None) -> str:
    """A length of time."""
    if seconds is None:
        return UNKNOWN
    if seconds >= 48 * 3600:
        return f"{seconds / 86400:.1f}d"
    return duration(seconds)


def size(amount: float | None) -> str:
    """Bytes: 512 B, 1.5 MiB."""
    if amount is None:
        return UNKNOWN
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            return (
                f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.3g} {unit}"
            )
        amount /= 1024
    raise AssertionError


def cores(millis: float | None) -> str:
    """Thousandths of a core: 0.25 cores."""
    return UNKNOWN if millis is None else f"{millis / 1000:.3g} core{'s' * (millis != 1000)}"


def number(value: float | None) -> str:
    """12,345 or 0.123."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"


def part(value: float | None) -> str:
    """A part of a whole: 12 %."""
    return UNKNOWN if value is None else f"{100 * value:.3g} %"


def _moment(seconds: float | None, zone: tzinfo) -> datetime | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, zone)
    except (OverflowError, OSError, ValueError):
        return None
