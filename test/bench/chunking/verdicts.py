"""What the measurements say about the budgets. Pure: cells in, rows out.

Of each method the fastest round counts: noise only ever adds. The bound is what no schedule can
beat, the longest item or an equal share for each core; waiting is held against 64 threads.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.chunking.workloads import Workload

GRACE = 0.005
"""Seconds that a start may cost, in each budget."""
OVER_BOUND = 1.03
OVER_SERIAL = 1.02
OVER_THREADS = 1.10
PREDICTION = 0.10
CROWDED = 0.05
"""Share of the machine that others may use before a figure is marked."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a method."""

    seconds: float
    cpu: float = 0.0
    others: float | None = None
    """Share of the machine that others used meanwhile; None: too short to tell."""
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """All rounds of one workload. `rounds` is by method; a method that failed is in `failures`."""

    workload: Workload
    longest_share: float
    cores: int
    rounds: Mapping[str, Sequence[Cell]]
    failures: Mapping[str, str] = field(default_factory=dict)

    def best(self, method: str) -> Cell | None:
        """The fastest round."""
        return min(self.rounds.get(method, ()), key=lambda cell: cell.seconds, default=None)

    @property
    def bound(self) -> float | None:
        """Seconds that no method can beat, as far as it can be told."""
        if self.workload.kind == "wait":
            threads = self.best("threads64")
            return threads.seconds if threads else None
        serial = self.best("serial")
        return serial.seconds * max(1 / self.cores, self.longest_share) if serial else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One budget: what was allowed, what was measured. None: could not be told."""

    budget: str
    allowed: float | None
    measured: float | None

    @property
    def kept(self) -> bool | None:
        if self.allowed is None or self.measured is None:
            return None
        return self.measured <= self.allowed


def verdicts(measured: Measured, peers: Sequence[str]) -> dict[str, Verdict]:
    """The budgets of one workload: `bound`, `serial`, `peers`, `prediction`, where they apply."""
    ours = measured.best("ours")
    took = ours.seconds if ours else None
    found: dict[str, Verdict] = {}
    bound, serial = measured.bound, measured.best("serial")
    limit = None
    if measured.workload.kind == "work":
        limit = None if bound is None else bound * OVER_BOUND + GRACE
        found["bound"] = Verdict("bound + 3 % + 5 ms", limit, took)
    elif measured.workload.kind == "wait":
        limit = None if bound is None else bound * OVER_THREADS
        found["bound"] = Verdict("64 threads + 10 %", limit, took)
    allowed = None if serial is None else serial.seconds * OVER_SERIAL + GRACE
    found["serial"] = Verdict("serial + 2 % + 5 ms", allowed, took)
    if measured.workload.kind != "small":
        rival = best_peer(measured, peers)
        # level is enough where the bound is reached
        most = None if rival is None else max(rival[1].seconds, limit or 0.0)
        found["peers"] = Verdict("the best peer, or the bound", most, took)
        errors = prediction_errors(measured)
        middle = statistics.median(errors) if errors else None
        found["prediction"] = Verdict("prediction ± 10 %", PREDICTION, middle)
    return found


def best_peer(measured: Measured, peers: Sequence[str]) -> tuple[str, Cell] | None:
    """The fastest of the others."""
    found = [(name, cell) for name in peers if (cell := measured.best(name)) is not None]
    return min(found, key=lambda pair: pair[1].seconds, default=None)


def prediction_errors(measured: Measured) -> list[float]:
    """For each round, how far the estimate at 5 % of the items was from the whole."""
    return [
        abs(predicted - cell.seconds) / cell.seconds
        for cell in measured.rounds.get("ours", ())
        if (predicted := cell.said.get("predicted_seconds")) is not None
    ]
