"""What comes and goes leaves nothing behind; what stays behind is named."""

from __future__ import annotations

from dataclasses import dataclass, field

from load.churn import churn
from load.leftovers import grown, sizes


def test_half_an_hour_of_flows_leaves_nothing_behind() -> None:
    told = churn(hours=0.5, every=120.0, seed=1)
    assert told.flows == 15
    assert told.kept == {}
    assert told.timers[1] <= told.timers[0] + 5
    assert told.series[1] == told.series[0]


@dataclass
class _Forgetful:
    """As an operator's part might be."""

    known: dict[str, list[int]] = field(default_factory=dict)
    itself: list[object] = field(default_factory=list)


@dataclass(slots=True)
class _Slotted:
    items: list[int]


_Forgetful.__module__ = _Slotted.__module__ = "jobflows.test"


def test_a_leak_is_named_by_its_path() -> None:
    part = _Forgetful()
    part.itself.append(part)
    before = sizes(part)
    part.known["a"] = [1, 2, 3]
    part.known["b"] = [4]
    assert grown(before, sizes(part)) == {"known": (0, 2), "known[]": (0, 4)}


def test_slots_are_looked_into() -> None:
    assert sizes({"x": _Slotted([1, 2, 3])})["[].items"] == 3
