"""A problem of a flow: where it is, what is wrong, and what to do about it."""

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason to refuse a flow."""

    path: Path
    message: str
    cure: str

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
    return text


class Spelling:
    """Finds the word that was meant.

    Comparing words is slow, so one validation compares so many and no more: a flow with 100,000
    misspelt names is refused as fast as any other.
    """

    def __init__(self, budget: int = 20_000) -> None:
        self._budget = budget

    def did_you_mean(self, word: str, known: Collection[str]) -> str | None:
        """Return a cure with the known word closest to `word`; None if none is close."""
        if self._budget < len(known):
            return None
        self._budget -= len(known)
        folded = {_folded(name): name for name in known}
        close = difflib.get_close_matches(_folded(word), folded, n=1, cutoff=0.6)
        return f"Did you mean {folded[close[0]]}?" if close else None


def _folded(word: str) -> str:
    return word[:80].casefold().replace("_", "")


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
