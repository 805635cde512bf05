"""`benchmark_validate`: runs configurations against each other, and the prediction against all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobflows.chunking.asked import ExecutorType
from jobflows.chunking.machine.claim_cost import claim_cost
from jobflows.chunking.machine.cores import usable_cores
from jobflows.chunking.machine.start_cost import fork_cost
from jobflows.chunking.optimizing import optimize
from jobflows.chunking.options import CLAIM_SECONDS, Executor, Options
from jobflows.chunking.report import Report
from jobflows.chunking.result import OptimizationResult
from jobflows.chunking.run import MapRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRIALS = 3
EXCELLENT = 0.1
GOOD = 0.2


@dataclass(frozen=True, slots=True)
class Measurement:
    """Of one configuration: so many workers, each taking so many items at a time."""

    n_jobs: int
    chunksize: int | None
    """None: as many as take a claim's time."""
    seconds: tuple[float, ...]
    """Wall time of each trial."""
    report: Report
    """Of the quickest trial."""

    @property
    def best(self) -> float:
        """Seconds of the quickest trial: what others on the machine took is in the slower ones."""
        return min(self.seconds)

    @property
    def name(self) -> str:
        """For tables."""
        size = "auto" if self.chunksize is None else str(self.chunksize)
        return f"n_jobs={self.n_jobs} chunksize={size}"


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What was measured. Speedups are of the quickest trials, against the quickest serial one."""

    items: int
    serial_seconds: tuple[float, ...]
    measurements: tuple[Measurement, ...]
    chosen: Measurement
    """Of the configuration that `optimize` recommends."""
    recommendation: OptimizationResult

    @property
    def best(self) -> Measurement:
        """The quickest configuration."""
        return min((*self.measurements, self.chosen), key=lambda one: one.best)

    def speedup(self, measurement: Measurement) -> float:
        """How many times faster than serial."""
        return min(self.serial_seconds) / measurement.best

    @property
    def predicted_speedup(self) -> float:
        """What `optimize` expected of its recommendation."""
        return self.recommendation.estimated_speedup

    @property
    def actual_speedup(self) -> float:
        """What became of it."""
        return self.speedup(self.chosen)

    @property
    def prediction_error(self) -> float:
        """Distance of the two as a share of what was predicted."""
        return abs(self.actual_speedup - self.predicted_speedup) / self.predicted_speedup

    @property
    def prediction_accuracy(self) -> float:
        """1 is exact, 0 is wrong by all of it."""
        return max(0.0, 1 - self.prediction_error)

    def overhead_breakdown(self, measurement: Measurement | None = None) -> dict[str, float]:
        """Share of the workers' time, in percent: in the function, for what else, and idle.

        `spawn` and `chunking` are what starts and claims cost here by a measurement of their own,
        `ipc_and_idle` is what remains: results on their way, and workers without an item.
        """
        report = (measurement or self.best).report
        total = report.workers * report.seconds
        if not total:
            return dict.fromkeys(("compute", "spawn", "chunking", "ipc_and_idle"), 0.0)
        forks = report.start_method == "fork"
        compute = min(1.0, report.item_seconds / total)
        spawn = min(1 - compute, report.workers * fork_cost() / total) if forks else 0.0
        claims = report.claims * claim_cost() / total if report.executor == "process" else 0.0
        chunking = min(1 - compute - spawn, claims)
        rest = max(0.0, 1 - compute - spawn - chunking)
        parts = {"compute": compute, "spawn": spawn, "chunking": chunking, "ipc_and_idle": rest}
        return {name: 100 * part for name, part in parts.items()}

    def summary(self) -> str:
        """Return a report for people."""
        serial, best = min(self.serial_seconds), self.best
        error = self.prediction_error
        word = "excellent" if error < EXCELLENT else "good" if error < GOOD else "poor"
        lines = [
            f"{self.items} items, {len(self.serial_seconds)} trials each, the quickest counts",
            "",
            f"{'configuration':<28}{'seconds':>10}{'speedup':>10}{'efficiency':>12}",
            f"{'serial':<28}{serial:>10.3f}{1.0:>9.2f}x",
        ]
        for one in self.measurements:
            lines.append(self._row(one.name, one))
        lines += [self._row(f"recommended: {self.recommendation.n_jobs} workers", self.chosen), ""]
        lines += [
            f"Best configuration: {best.name} ({best.best:.3f} s, {self.speedup(best):.2f}x)",
            f"Prediction accuracy: {self.prediction_accuracy:.1%} ({word}): predicted "
            f"{self.predicted_speedup:.2f}x, actual {self.actual_speedup:.2f}x",
            f"Overhead breakdown of {best.name}, in percent of the workers' time:",
        ]
        lines += [
            f"  {name.replace('_', ' '):<14}{share:>5.1f}%"
            for name, share in self.overhead_breakdown().items()
        ]
        return "\n".join(lines)

    def plot_speedup_curve(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw speedup over workers, a line for each chunksize; save it if there is a `path`.

        Needs the extra `plot`. A notebook shows what is returned.
        """
        from jobflows.chunking.plots import draw_speedup  # noqa: PLC0415 - matplotlib

        return draw_speedup(self, path)

    def plot_overhead_breakdown(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw what each configuration does with its workers' time, in the same way."""
        from jobflows.chunking.plots import draw_overhead  # noqa: PLC0415 - matplotlib

        return draw_overhead(self, path)

    def _row(self, name: str, one: Measurement) -> str:
        speedup = self.speedup(one)
        workers = max(1, one.report.workers)
        return f"{name:<28}{one.best:>10.3f}{speedup:>9.2f}x{speedup / workers:>12.1%}"


def benchmark_validate(
    func: Callable[[Any], Any],
    data: Iterable[Any],
    *,
    n_jobs_range: Sequence[int] | None = None,
    chunksize_range: Sequence[int] | None = None,
    num_trials: int = TRIALS,
    executor_type: ExecutorType = "auto",
) -> ValidationReport:
    """Run `func` over `data` serially, by each configuration, and as `optimize` recommends.

    All of it `num_trials` times, in turn, so that a busy moment does not hit one of them only; in
    all that is trials times configurations and two. Without a range of workers they are 1, 2, 4 …
    up to the cores; without one of chunksizes, a claim's time decides. With `auto`, what `optimize`
    finds out about waiting holds for all. An iterator is read into a list.

    Raises what `func` raises, and ValueError for a range or number that cannot be.
    """
    _check("num_trials", [num_trials])
    workers = sorted(set(_powers(usable_cores()) if n_jobs_range is None else n_jobs_range))
    _check("n_jobs_range", workers)
    sizes: list[int | None] = [None]
    if chunksize_range is not None:
        _check("chunksize_range", chunksize_range)
        sizes = [*sorted(set(chunksize_range))]
    items = data if isinstance(data, Sequence) else list(data)
    if not items:
        raise ValueError("data is empty: give at least one item")
    recommendation = optimize(func, items, executor_type=executor_type)
    kind: Executor = "thread" if recommendation.executor_type == "thread" else "process"
    mean = recommendation.sample.mean or CLAIM_SECONDS
    grid = [
        (
            (n_jobs, size),
            Options(
                workers=n_jobs,
                executor="serial" if n_jobs == 1 else kind,
                claim_seconds=CLAIM_SECONDS if size is None else size * mean,
            ),
        )
        for n_jobs in workers
        for size in (sizes if n_jobs > 1 else [None])
    ]
    chosen = Options(
        workers=recommendation.n_jobs,
        executor="serial" if recommendation.executor_type == "serial" else kind,
    )
    serial: list[float] = []
    runs: list[list[Report]] = [[] for _ in range(len(grid) + 1)]
    for _ in range(num_trials):
        began = time.perf_counter()
        for item in items:
            func(item)
        serial.append(time.perf_counter() - began)
        for options, reports in zip([*(each for _, each in grid), chosen], runs, strict=True):
            run = MapRun(func, items, options)
            run.results()
            reports.append(run.report)
    found = [
        Measurement(n_jobs, size, *_best_of(reports))
        for ((n_jobs, size), _), reports in zip(grid, runs, strict=False)
    ]
    mine = Measurement(recommendation.n_jobs, None, *_best_of(runs[-1]))
    return ValidationReport(len(items), tuple(serial), tuple(found), mine, recommendation)


def _best_of(reports: Sequence[Report]) -> tuple[tuple[float, ...], Report]:
    return tuple(one.seconds for one in reports), min(reports, key=lambda one: one.seconds)


def _powers(most: int) -> list[int]:
    return [1 << power for power in range(most.bit_length()) if 1 << power <= most] + [most]


def _check(name: str, values: Sequence[object]) -> None:
    for value in values or [None]:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} has {value!r}: give whole numbers of at least 1")
