"""`execute`: runs a function over items as fast as this machine can, and returns a list."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, Literal, Unpack, overload

from jobflows.chunking.asked import Asked, AskedOptions, Progress
from jobflows.chunking.optimizing import optimize_as
from jobflows.chunking.options import Executor, OnError, Options
from jobflows.chunking.result import OptimizationResult, told_results
from jobflows.chunking.run import MapRun
from jobflows.chunking.sample import Input


@overload
def execute(
    func: Callable[[Any], Any],
    data: Iterable[Any],
    *,
    n_jobs: int | None = ...,
    chunksize: int | None = ...,
    errors: OnError = ...,
    timeout: float | None = ...,
    return_optimization_result: Literal[False] = ...,
    **options: Unpack[AskedOptions],
) -> list[Any]: ...


@overload
def execute(
    func: Callable[[Any], Any],
    data: Iterable[Any],
    *,
    n_jobs: int | None = ...,
    chunksize: int | None = ...,
    errors: OnError = ...,
    timeout: float | None = ...,
    return_optimization_result: Literal[True],
    **options: Unpack[AskedOptions],
) -> tuple[list[Any], OptimizationResult]: ...


def execute(
    func: Callable[[Any], Any],
    data: Iterable[Any],
    *,
    n_jobs: int | None = None,
    chunksize: int | None = None,
    errors: OnError = "raise",
    timeout: float | None = None,
    return_optimization_result: bool = False,
    **options: Unpack[AskedOptions],
) -> list[Any] | tuple[list[Any], OptimizationResult]:
    """Run `func` over `data`; results are in the order of the items.

    Without options nothing is measured beforehand: the run looks at its first items and goes on.
    `n_jobs` are exactly so many workers. A worker takes work for the time that `chunksize` items
    took when they were measured, and less towards the end, so that all finish together. With
    `errors="return"` a failed item's result is an `ItemError`.
    `timeout` is in seconds an item. The other options are those of `optimize`, see `Asked`; options
    for measuring count only if something has to be measured: for a `chunksize`, a `profile`, a
    `cache`, or `return_optimization_result`.

    Raises what `func` raises, with a note that names the item, and ValueError for an option.
    """
    asked = Asked(n_jobs=n_jobs, **options)
    if chunksize is not None and (not isinstance(chunksize, int) or chunksize < 1):
        raise ValueError(f"chunksize is {chunksize!r}: give a whole number of at least 1")
    measures = return_optimization_result or asked.profile or asked.cache is not None
    measures = measures or asked.enable_function_profiling or asked.adjust_for_system_load
    if timeout is not None and measures:
        raise ValueError(
            f"timeout is {timeout!r}: items that are measured run in this process, where none can "
            "be stopped: leave out timeout, or profile, cache, adjust_for_system_load and "
            "return_optimization_result"
        )
    if not measures and (chunksize is None or timeout is not None):
        return _at_once(func, data, asked, errors, timeout)
    result = optimize_as(func, data, asked)
    if chunksize is not None:
        result.take(chunksize)
    values = result.execute(errors=errors)
    return (values, result) if return_optimization_result else values


def _at_once(
    function: Callable[[Any], Any],
    data: Iterable[Any],
    asked: Asked,
    errors: OnError,
    timeout: float | None,
) -> list[Any]:
    options = Options(
        workers=asked.n_jobs or asked.max_workers,
        executor=_executor(asked),
        claim_seconds=asked.target_chunk_duration,
        errors=errors,
        timeout=timeout,
    )
    tell: Progress | None = asked.progress_callback
    if tell is None:
        run = MapRun(function, data, options)
        values = run.results()
    else:
        given = Input(data)
        items = given.data if given.sequence is None else given.sequence
        run = MapRun(function, items, options)
        values = told_results(run, tell, 0, given.length())
    if asked.verbose:
        report = run.report
        print(
            f"{report.done} items in {report.seconds:.2f} s, {report.workers} x {report.executor}, "
            f"speedup {report.speedup:.2f}x: {'; '.join(report.reasons) or 'no worker would pay'}",
            file=sys.stderr,
        )
    return values


def _executor(asked: Asked) -> Executor:
    """One worker is the caller; so many as are asked for are processes, unless threads are."""
    if asked.executor_type != "auto":
        return asked.executor_type
    return "serial" if asked.n_jobs == 1 else "auto"
