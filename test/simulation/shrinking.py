"""Makes a failing world smaller: each feature without which it still fails is switched off."""

from __future__ import annotations

from collections.abc import Collection

from simulation.crowd import play_one
from simulation.features import of_seed


def shrink(seed: int, rule: str, without: Collection[str] = ()) -> tuple[str, ...]:
    """The features that a seed does not need to break a rule."""
    off = tuple(without)
    for feature in sorted(of_seed(seed, off)):
        smaller = (*off, feature)
        if any(breach.rule == rule for breach in play_one(seed, smaller).breaches):
            off = smaller
    return off
