"""How many flows were created each day, and how they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

WIDTH, HEIGHT = 960.0, 64.0
ORDER = ("Succeeded", "Failed", "Running", "Paused", "Suspended", "Pending")


class Count(Protocol):
    """Flows of one day in one phase."""

    @property
    def day(self) -> float: ...
    @property
    def phase(self) -> str: ...
    @property
    def count(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Column:
    """A piece of a day's column."""

    left: float
    top: float
    width: float
    height: float
    phase: str
    title: str


@dataclass(frozen=True, slots=True)
class Days:
    """The picture."""

    width: float
    height: float
    columns: tuple[Column, ...]
    first: str
    last: str


def days(counts: Sequence[Count], since: float, number: int) -> Days | None:
    """The picture of `number` days from `since`; None when nothing was created in them."""
    if not counts:
        return None
    by_day: dict[int, dict[str, int]] = {}
    for each in counts:
        at = int((each.day - since) // 86_400)
        if 0 <= at < number:
            day = by_day.setdefault(at, {})
            day[each.phase] = day.get(each.phase, 0) + each.count
    most = max((sum(day.values()) for day in by_day.values()), default=1)
    wide = WIDTH / number
    columns = []
    for at, day in sorted(by_day.items()):
        top = HEIGHT
        for phase in sorted(day, key=lambda p: ORDER.index(p) if p in ORDER else len(ORDER)):
            high = max(2.0, (HEIGHT - 2) * day[phase] / most)
            top -= high
            words = f"{_date(since + at * 86_400)}: {day[phase]} {phase}"
            left = round(at * wide + 1, 1)
            columns.append(
                Column(left, round(top, 1), round(wide - 2, 1), round(high, 1), phase, words)
            )
    return Days(WIDTH, HEIGHT, tuple(columns), _date(since), _date(since + (number - 1) * 86_400))


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
