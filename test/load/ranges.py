"""Holds figures against `rangespec.yaml`: what may not get worse without somebody noticing.

A range bounds one figure from above or below, and says what it is relative to. Nothing in it is a
time on a clock: figures are counts, or ratios of what was measured in the same run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SPEC = Path(__file__).with_name("rangespec.yaml")
PROFILES = ("short", "full")


@dataclass(frozen=True, slots=True)
class Range:
    """One line of the file."""

    metric: str
    relative_to: str
    at_most: float | None = None
    at_least: float | None = None
    profile: str = "short"

    def holds(self, value: float) -> bool:
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)

    @property
    def bound(self) -> str:
        parts = (("≥", self.at_least), ("≤", self.at_most))
        return " and ".join(f"{sign} {value:g}" for sign, value in parts if value is not None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure beside its range; None was not measured, which is no better than too much."""

    range: Range
    value: float | None

    @property
    def good(self) -> bool:
        return self.value is not None and self.range.holds(self.value)

    def __str__(self) -> str:
        shown = "not measured" if self.value is None else f"{self.value:g}"
        mark = "ok " if self.good else "BAD"
        asked = self.range
        return f"{mark} {asked.metric:27} {shown:>12}  {asked.bound:14} {asked.relative_to}"


def read(path: Path = SPEC) -> list[Range]:
    """Raises ValueError with the line at fault."""
    found = []
    for entry in yaml.safe_load(path.read_text()):
        found.append(_read(entry))
    twice = {r.metric for r in found if sum(o.metric == r.metric for o in found) > 1}
    if twice:
        raise ValueError(f"{path.name}: {', '.join(sorted(twice))}: more than once")
    return found


def _read(entry: Mapping[str, Any]) -> Range:
    try:
        made = Range(**entry)
    except TypeError as error:
        raise ValueError(f"range {entry}: {error}") from None
    if made.at_most is None and made.at_least is None:
        raise ValueError(f"{made.metric}: say at_most or at_least")
    if made.profile not in PROFILES:
        raise ValueError(f"{made.metric}: profile {made.profile} is none of {', '.join(PROFILES)}")
    return made


def judge(ranges: Sequence[Range], figures: Mapping[str, float], profile: str) -> list[Verdict]:
    """A verdict on each range of the profile; `full` has those of `short`, too."""
    asked = [r for r in ranges if profile == "full" or r.profile == "short"]
    return [Verdict(r, figures.get(r.metric)) for r in asked]
