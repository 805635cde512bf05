"""`optimize_streaming`: results one by one, as soon as they are there, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from jobflows.chunking.asked import Asked, ExecutorType
from jobflows.chunking.errors import ItemError, raise_failure
from jobflows.chunking.growth import MOST
from jobflows.chunking.optimizing import optimize_as
from jobflows.chunking.options import CLAIM_SECONDS, OnError, Options
from jobflows.chunking.report import Report
from jobflows.chunking.result import OptimizationResult
from jobflows.chunking.run import MapRun

AHEAD_SECONDS = 0.05
"""Work that each worker may be ahead of the consumer."""
AHEAD_ITEMS = 4
"""… or so many items, if that is more."""
AHEAD_BYTES = 64 << 20
"""Items and results that wait may together be so large, if all are like the first."""
MOST_ITEMS = 10_000
AT_ONCE = 1e-9


def optimize_streaming(
    func: Callable[[Any], Any],
    data: Iterable[Any],
    *,
    target_chunk_duration: float = CLAIM_SECONDS,
    max_workers: int | None = None,
    n_jobs: int | None = None,
    ordered: bool = True,
    buffer_size: int | None = None,
    executor_type: ExecutorType = "auto",
    errors: OnError = "raise",
    timeout: float | None = None,
) -> StreamingResult:
    """Run `func` over `data`, which may never end; iterate over what is returned for the results.

    `ordered` gives results in the order of the items, otherwise they come as they are done. Not
    more than `buffer_size` items are read, worked on or waiting for the consumer at any time; by
    default, what workers do in a moment, and less if the first item or its result is large. A small
    `target_chunk_duration` lets results come sooner. With a `timeout` nothing is run beforehand.

    The first item is run at once, to be measured, unless there is a `timeout`.
    Raises, while iterated over, what `func` raises, with a note that names the item.
    """
    asked = Asked(
        sample_size=1,
        max_sample_time=AT_ONCE,
        target_chunk_duration=target_chunk_duration,
        max_workers=max_workers,
        n_jobs=n_jobs,
        executor_type=executor_type,
        profile=True,
        use_spawn_benchmark=False,
        use_chunking_benchmark=False,
    )
    Options(window=buffer_size, errors=errors, timeout=timeout)  # refuses what cannot be, now
    return StreamingResult(
        func, data, asked, ordered=ordered, buffer_size=buffer_size, errors=errors, timeout=timeout
    )


class StreamingResult:
    """Iterate over it, once. What it says of workers is a guess until they are at work."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        data: Iterable[Any],
        asked: Asked,
        *,
        ordered: bool,
        buffer_size: int | None,
        errors: OnError,
        timeout: float | None,
    ) -> None:
        self._asked = asked
        self._errors = errors
        known: OptimizationResult | None = None
        self._first: dict[int, Any] = {}
        items = data
        if timeout is None:
            known = optimize_as(function, data, asked, in_order=True)
            self._first, items = known.sample.kept, known.items
        self._known = known
        self.ordered = ordered
        self.buffer_size = buffer_size or _buffer(known)
        options = Options(
            workers=asked.n_jobs or asked.max_workers,
            executor=asked.executor_type,
            claim_seconds=asked.target_chunk_duration,
            errors=errors,
            timeout=timeout,
            window=self.buffer_size,
        )
        self._run: MapRun[Any, Any] = MapRun(function, items, options, skip=frozenset(self._first))
        self._results = self._iterate()

    def __iter__(self) -> Iterator[Any]:
        return self._results

    def __next__(self) -> Any:
        return next(self._results)

    def __repr__(self) -> str:
        return (
            f"StreamingResult(n_jobs={self.n_jobs}, chunksize={self.chunksize}, "
            f"executor_type={self.executor_type!r}, buffer_size={self.buffer_size})"
        )

    @property
    def report(self) -> Report:
        """How the run stands; without the first item, which was run to be measured."""
        return self._run.report

    @property
    def n_jobs(self) -> int:
        """Workers: expected before the first result is read, afterwards those there are."""
        if self._known is None or self.report.done:
            return self.report.workers
        return self._known.n_jobs

    @property
    def executor_type(self) -> str:
        """process, thread, or serial, in the same sense."""
        if self._known is None or self.report.done:
            return self.report.executor
        return self._known.executor_type

    @property
    def chunksize(self) -> int:
        """Items that a worker takes at a time, in the same sense."""
        report = self.report
        if report.claims:
            return max(1, round(report.claim_items))
        expected = self._known.chunksize if self._known is not None else 1
        return min(expected, self.buffer_size)

    @property
    def reason(self) -> str:
        """Why so many workers of this kind."""
        if self.report.reasons or self._known is None:
            return "; ".join(self.report.reasons)
        return self._known.reason

    def close(self) -> None:
        """End workers now. Not needed if everything is read, or the iterator is let go of."""
        self._results.close()

    def _iterate(self) -> Generator[Any, None, None]:
        for value in self._first.values():
            if type(value) is ItemError and self._errors == "raise":
                raise_failure(value)
            yield value
        if self.ordered:
            yield from self._run.ordered()
            return
        for _, value in self._run.pairs():
            yield value


def _buffer(known: OptimizationResult | None) -> int:
    """Items that may be ahead of the consumer: enough to keep workers busy, and not too large."""
    if known is None:
        return MOST
    workers = MOST if known.executor_type == "thread" else known.n_jobs
    mean = known.sample.mean or 0.0
    wanted = AHEAD_ITEMS * workers
    if mean:
        wanted = max(wanted, min(MOST_ITEMS, int(AHEAD_SECONDS * workers / mean)))
    size = (known.sample.return_bytes or 0) + (known.sample.input_bytes or 0)
    return max(2 * known.n_jobs, min(wanted, AHEAD_BYTES // size)) if size else wanted
