"""`optimize_with_adaptive_chunking`: for items that differ much in their time.

All runs adapt: a worker takes as many items as fit into the duration of a claim by what its own
items took lately, and gives back the rest of a claim that takes four times too long. What is left
to adapt is that duration: short where items differ, so that no worker is left with the long ones,
and long where they are alike, which saves next to nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Unpack

from jobflows.chunking.asked import Asked, AskedOptions
from jobflows.chunking.optimizing import optimize_as
from jobflows.chunking.options import OnError
from jobflows.chunking.profile_text import MUCH_VARIATION, SOME_VARIATION
from jobflows.chunking.report import Report
from jobflows.chunking.result import OptimizationResult

RATE = 0.5
SHORTEST = 0.0005
LONGEST = 0.05


def optimize_with_adaptive_chunking(
    func: Callable[[Any], Any],
    data: Iterable[Any],
    *,
    initial_chunk_duration: float | None = None,
    adaptation_rate: float = RATE,
    min_chunk_duration: float = SHORTEST,
    max_chunk_duration: float = LONGEST,
    errors: OnError = "raise",
    **options: Unpack[AskedOptions],
) -> AdaptiveResult:
    """Measure some items, choose the duration of claims by how much they differ; run on demand.

    Durations are in seconds. From `initial_chunk_duration`, or `target_chunk_duration` if that is
    left out, the duration goes by `adaptation_rate`, 0 to 1, of the way to the shortest for items
    that differ much (a coefficient of variation of 0.7 or more), to the longest for items that are
    alike (below 0.3). Read `results`, or call `execute()`, which is the same.

    The other options are those of `optimize`. Raises ValueError for an option, and names it.
    """
    asked = Asked(**options)
    initial = initial_chunk_duration or asked.target_chunk_duration
    if not 0 <= adaptation_rate <= 1:
        raise ValueError(f"adaptation_rate is {adaptation_rate!r}: give a share, 0 to 1")
    if not 0 < min_chunk_duration <= max_chunk_duration:
        raise ValueError(
            f"min_chunk_duration is {min_chunk_duration!r} and max_chunk_duration "
            f"{max_chunk_duration!r}: give seconds above 0, the least first"
        )
    result = optimize_as(func, data, asked)
    duration = adapted(
        initial,
        result.sample.variation,
        rate=adaptation_rate,
        shortest=min_chunk_duration,
        longest=max_chunk_duration,
    )
    return AdaptiveResult(result, duration, errors)


def adapted(
    initial: float, variation: float | None, *, rate: float, shortest: float, longest: float
) -> float:
    """The duration of a claim for items whose times vary so much, in bounds."""
    goal = initial
    if variation is not None and variation >= MUCH_VARIATION:
        goal = shortest
    elif variation is not None and variation < SOME_VARIATION:
        goal = longest
    return min(longest, max(shortest, initial + rate * (goal - initial)))


class AdaptiveResult:
    """`optimization` is the decision it rests on."""

    def __init__(self, result: OptimizationResult, duration: float, errors: OnError) -> None:
        self.optimization = result
        self.chunk_duration = duration
        """Seconds of work that a worker takes at a time."""
        self._errors = errors
        result.take_seconds(duration)
        self.n_jobs = result.n_jobs
        self.chunksize = result.chunksize
        self.executor_type = result.executor_type
        self.estimated_speedup = result.estimated_speedup
        self.reason = result.reason
        self.warnings = result.warnings

    def __repr__(self) -> str:
        return (
            f"AdaptiveResult(n_jobs={self.n_jobs}, chunksize={self.chunksize}, "
            f"chunk_duration={self.chunk_duration:g}, executor_type={self.executor_type!r})"
        )

    @cached_property
    def results(self) -> list[Any]:
        """All results in the order of the items; the first look runs the function over them."""
        return self.optimization.execute(errors=self._errors)

    def execute(self) -> list[Any]:
        """Return the results."""
        return self.results

    @property
    def report(self) -> Report | None:
        """What the run was like; None before it."""
        return self.optimization.report
