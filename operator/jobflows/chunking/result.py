"""What `optimize` returns: the decision, what it rests on, and a way to run the rest."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobflows.chunking.asked import Asked, Progress
from jobflows.chunking.cache import Actuals
from jobflows.chunking.decision import Decision
from jobflows.chunking.errors import raise_failure
from jobflows.chunking.options import Executor, OnError, Options
from jobflows.chunking.profile import DiagnosticProfile
from jobflows.chunking.report import Report
from jobflows.chunking.run import LOOKED_AT, MapRun
from jobflows.chunking.sample import Input, Sample

TELL_SECONDS = 0.05
"""Between two calls of a progress callback at the least."""


class OptimizationResult:
    """How to run a function over items. `report` is what a run was like, after `execute()`."""

    def __init__(
        self,
        *,
        function: Callable[[Any], Any],
        given: Input,
        asked: Asked,
        decision: Decision,
        sample: Sample,
        warnings: list[str],
        profile: DiagnosticProfile | None,
        cache_hit: bool,
        key: str | None,
    ) -> None:
        self._function = function
        self._given = given
        self._asked = asked
        self.sample = sample
        """What was measured, with the results of the measured items."""
        self._key = key
        self._run: MapRun[Any, Any] | None = None
        self.decision = decision
        self.n_jobs = decision.n_jobs
        self.chunksize = decision.chunksize
        self.executor_type: str = decision.kind
        """process, thread, or serial: no worker, because none would pay."""
        self.estimated_speedup = decision.speedup
        self.reason = decision.reason
        self.warnings = warnings
        self.data: Any = given.data
        """All items, also those of an iterator that were read to be measured."""
        self.profile = profile
        self.cache_hit = cache_hit

    def __repr__(self) -> str:
        return (
            f"OptimizationResult(n_jobs={self.n_jobs}, chunksize={self.chunksize}, "
            f"executor_type={self.executor_type!r}, "
            f"estimated_speedup={self.estimated_speedup:.2f}x)"
        )

    @property
    def items(self) -> Iterable[Any]:
        """All items, by their index where that is possible."""
        return self.data if self._given.sequence is None else self._given.sequence

    @property
    def report(self) -> Report | None:
        """What the run of `execute()` was like; its counts are without the measured items."""
        return self._run.report if self._run is not None else None

    def explain(self) -> str:
        """Return a report for people; a short one without `profile=True`."""
        if self.profile is not None:
            return self.profile.explain_decision()
        lines = [repr(self), self.reason, *self.warnings]
        return "\n".join([*lines, "optimize(..., profile=True) tells more"])

    def execute(
        self,
        *,
        errors: OnError = "raise",
        timeout: float | None = None,
        progress_callback: Progress | None = None,
    ) -> list[Any]:
        """Run what was not run to be measured, and return all results in the order of the items.

        `timeout` holds for the items that are still to be run. Where the decision rests on too
        little, or on an earlier run, the run looks for itself and may decide otherwise.
        """
        kept = self.sample.kept
        if errors == "raise" and self.sample.failed is not None:
            raise_failure(self.sample.failed)
        options = Options(
            workers=self._workers(),
            executor=self._executor(),
            claim_seconds=self._asked.target_chunk_duration,
            errors=errors,
            timeout=timeout,
        )
        items = self.items
        began = time.perf_counter()
        self._run = run = MapRun(self._function, items, options, skip=frozenset(kept))
        tell = progress_callback or self._asked.progress_callback
        total = self._given.length()
        fresh = told_results(run, tell, len(kept), total) if tell else run.results()
        self._remember(time.perf_counter() - began)
        return _merged(kept, fresh)

    def take(self, chunksize: int) -> None:
        """Have workers take so many items at a time, by the time that items were seen to need."""
        self.chunksize = chunksize
        if self.sample.mean:
            duration = chunksize * self.sample.mean
            self._asked = replace(self._asked, target_chunk_duration=duration)

    def take_seconds(self, duration: float) -> None:
        """Have workers take items for so long at a time."""
        self._asked = replace(self._asked, target_chunk_duration=duration)
        if self.sample.mean and self.executor_type != "serial":
            self.chunksize = max(1, int(duration / self.sample.mean))

    def show_function_profile(self, sort_by: str = "cumulative", limit: int = 30) -> None:
        """Print where the function spends its time. Needs `enable_function_profiling=True`."""
        print(self._function_profile(sort_by, limit))

    def save_function_profile(
        self, path: str | os.PathLike[str], sort_by: str = "cumulative", limit: int = 30
    ) -> None:
        """Write the same to a file; under a name that ends in .prof, as `pstats` reads it."""
        if Path(path).suffix == ".prof":
            self._profiler().dump_stats(os.fspath(path))
            return
        Path(path).write_text(self._function_profile(sort_by, limit))

    def _function_profile(self, sort_by: str, limit: int) -> str:
        import pstats  # noqa: PLC0415 - only if asked for

        text = io.StringIO()
        pstats.Stats(self._profiler(), stream=text).sort_stats(sort_by).print_stats(limit)
        return text.getvalue()

    def _profiler(self) -> Any:
        if self.sample.profiler is None:
            why = (
                "the function was not run, because an earlier run was found in the cache"
                if self.cache_hit
                else "call optimize(..., enable_function_profiling=True)"
            )
            raise ValueError(f"there is no profile of the function: {why}")
        return self.sample.profiler

    def _executor(self) -> Executor:
        if self._asked.executor_type != "auto" or self._asked.n_jobs is not None:
            return "serial" if self.executor_type == "serial" else self.decision.kind
        looked = self.sample.kept and (self.sample.mean or 0) * self.sample.count * 1e9
        sure = looked and looked >= LOOKED_AT and self.sample.waiting_share is not None
        return self.decision.kind if sure and self.decision.kind != "serial" else "auto"

    def _workers(self) -> int | None:
        asked = self._asked
        if asked.n_jobs is not None:
            return asked.n_jobs
        if self.executor_type == "process":
            return self.n_jobs
        return asked.max_workers

    def _remember(self, seconds: float) -> None:
        cache, run = self._asked.cache, self._run
        if cache is None or self._key is None or run is None or not run.report.done:
            return
        report, sample = run.report, self.sample
        actual = Actuals(
            count=report.done,
            mean=report.item_seconds / report.done,
            deviation=sample.deviation,
            waiting_share=report.waiting_share
            if sample.waiting_share is None
            else sample.waiting_share,
            on_core=sample.on_core,
            send=sample.send or 0.0,
            receive=sample.receive or 0.0,
            not_sendable=sample.not_sendable,
            grown=sample.grown,
            speedup=report.item_seconds / seconds if seconds else None,
            predicted_speedup=self.estimated_speedup,
        )
        cache.put(self._key, actual.after(cache.get(self._key)))


def told_results(
    run: MapRun[Any, Any], tell: Progress, before: int, total: int | None
) -> list[Any]:
    """The results of a run, in order, with news of it; 0 is told where the end is not known."""
    found: dict[int, Any] = {}
    told = 0.0
    for index, value in run.pairs():
        found[index] = value
        now = time.perf_counter()
        if now - told >= TELL_SECONDS:
            told = now
            tell("executing", (before + len(found)) / total if total else 0.0)
    tell("executing", 1.0)
    return [found[index] for index in sorted(found)]


def _merged(kept: dict[int, Any], fresh: list[Any]) -> list[Any]:
    if not kept:
        return fresh
    others: Iterator[Any] = iter(fresh)
    return [
        kept[index] if index in kept else next(others) for index in range(len(kept) + len(fresh))
    ]
