"""How long a run will take, from how far it has come."""

from __future__ import annotations

import math
from dataclasses import dataclass

AT = 0.05
"""Share of the items after which the prediction is kept, to be compared with what came."""
SURE = 1.96
"""Standard errors of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds of wall time for the whole run, and the speedup that makes."""

    seconds: float
    low: float
    high: float
    speedup: float


def predict(
    *, items: int, done: int, busy: float, spread: float, elapsed: float, workers: int, most: int
) -> Prediction:
    """From `done` items that took `busy` seconds in the function, `spread` apart (1 sigma).

    There are `workers` at work, and twice as many after each item until there are `most`.
    """
    mean = busy / done
    left = items - done
    seconds = elapsed + mean * _rounds(left, workers, most)
    error = SURE * spread / math.sqrt(done) * left / workers
    total = items * mean
    return Prediction(
        seconds=seconds,
        low=max(elapsed, seconds - error),
        high=seconds + error,
        speedup=total / seconds if seconds else 1.0,
    )


def _rounds(left: float, workers: int, most: int) -> float:
    """How many times an item's time `left` items take."""
    rounds = 0.0
    while workers < most and left > workers:
        left, workers, rounds = left - workers, min(most, 2 * workers), rounds + 1
    tail = 0.0 if left <= workers else (1 - 1 / workers) / 2
    return rounds + left / workers + tail
