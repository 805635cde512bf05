"""A problem of a flow: where it is, what is wrong, and what to do about it."""

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

Path = tuple[str | int, ...]

Severity = Literal["error", "warning"]

LONGEST_WORD = 80

LONGEST = 600
"""Characters of a message, a cure or a path: most of them quote what somebody wrote."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason to refuse a flow; or, as a warning, to think again."""

    path: Path
    message: str
    cure: str
    severity: Severity = "error"

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", presentable(self.message))
        object.__setattr__(self, "cure", presentable(self.cure))

    @property
    def dotted(self) -> str:
        """The path as people write it: `spec.steps[2].dependencies[0]`."""
        return dotted(self.path)

    def __str__(self) -> str:
        where = f"{self.dotted}: " if self.path else ""
        return f"{where}{self.message}. {self.cure}"


def dotted(path: Path) -> str:
    """Return a path as people write it: `spec.steps[2].dependencies[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.match(part):
            text += f".{part}" if text else part
        else:
            text += f"['{part}']"
        if len(text) > 2 * LONGEST:
            break
    return presentable(text)


def presentable(text: str) -> str:
    """A text for one line of a terminal, a log or a status, whatever it quotes.

    What would move the cursor, turn the direction of writing or break the line is written as an
    escape, and a long text loses its middle.
    """
    if len(text) > LONGEST:
        text = f"{text[: LONGEST * 2 // 3]} … {text[-LONGEST // 3 :]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Spelling:
    """Finds the word that was meant.

    Comparing words is slow, that of long words the more, so one validation compares so many and no
    more: a flow with 100,000 misspelt names is refused as fast as any other.
    """

    def __init__(self, budget: int = 20_000) -> None:
        self._budget = budget

    def did_you_mean(self, word: str, known: Collection[str]) -> str | None:
        """Return a cure with the known word closest to `word`; None if none is close."""
        price = len(known) * (1 + min(len(word), LONGEST_WORD) ** 2 // 400)
        if self._budget < price:
            return None
        self._budget -= price
        folded = {_folded(name): name for name in known}
        close = difflib.get_close_matches(_folded(word), folded, n=1, cutoff=0.6)
        return f"Did you mean {folded[close[0]]}?" if close else None


def _folded(word: str) -> str:
    return word[:LONGEST_WORD].casefold().replace("_", "")


def shown(value: Any) -> str:
    """A value as a message quotes it."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number without end"  # Python refuses to write out the longest
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def listed(names: Iterable[str], *, limit: int = 8) -> str:
    """Return names separated by commas, cut short after `limit`."""
    names = list(names)
    text = ", ".join(names[:limit])
    return text if len(names) <= limit else f"{text} and {len(names) - limit} more"


def in_document_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sort by path, list items by their numbers; equal paths keep their order."""
    return sorted(
        problems,
        key=lambda problem: tuple(
            (0, part, "") if isinstance(part, int) else (1, 0, str(part)) for part in problem.path
        ),
    )
