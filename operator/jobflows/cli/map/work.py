"""The run itself: results go where they are kept as they come, signals end it in order.

Without a checkpoint results are written in the order of the items as they come. With one they go
to the result log in the order in which they are done, and the file is written from there when all
are done; a run that is started again skips what the log has.

Nothing here starts a thread, so that workers can be forked: what has to happen while no result
comes is done by a timer signal.
"""

from __future__ import annotations

import signal
import time
from bisect import insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol

from jobflows.chunking.checkpoint.log import ResultLog
from jobflows.chunking.errors import Halted, ItemError
from jobflows.chunking.report import Report
from jobflows.chunking.run import MapRun
from jobflows.cli.map.progress import Progress
from jobflows.cli.map.results import ResultsFile, describe
from jobflows.cli.map.summary import MOST_FAILED

TICK_SECONDS = 0.2
STOPS = (signal.SIGTERM, signal.SIGINT)


class Sink(Protocol):
    """Where results go."""

    def pairs(self, run: MapRun[Any, str]) -> Iterator[tuple[int, str | ItemError]]:
        """Results with their indices, in an order that suits it."""

    def take(self, index: int, value: str | ItemError) -> None:
        """Keep one."""

    def tick(self) -> bool:
        """Write what waits; called by a signal handler. False: nothing can be written any more."""


class Overdue(BaseException):
    """The run was asked to end and has not; raised by a signal handler."""


@dataclass(slots=True)
class Outcome:
    """How a run ended."""

    report: Report
    failed: list[tuple[int, str]] = field(default_factory=list)
    """The failed items that come first among all, with their errors."""
    first: ItemError | None = None
    """The one that failed first, if it ended the run."""
    signal: signal.Signals | None = None
    """What asked the run to end, whether or not it came too late."""
    halted: bool = False
    overdue: bool = False

    @property
    def whole(self) -> bool:
        """Whether all items have had their turn."""
        return not self.halted and self.first is None


class Streamed:
    """Results in the order of the items, each written as soon as those before it are."""

    def __init__(self, out: ResultsFile, first: int) -> None:
        self._out = out
        self._first = first

    def pairs(self, run: MapRun[Any, str]) -> Iterator[tuple[int, str | ItemError]]:
        yield from enumerate(run.ordered())

    def take(self, index: int, value: str | ItemError) -> None:
        write(self._out, self._first + index, value)

    def tick(self) -> bool:
        return self._out.tick()


class Kept:
    """Results in a log, in the order in which they are done."""

    def __init__(self, log: ResultLog) -> None:
        self._log = log

    def pairs(self, run: MapRun[Any, str]) -> Iterator[tuple[int, str | ItemError]]:
        return run.pairs()

    def take(self, index: int, value: str | ItemError) -> None:
        if isinstance(value, ItemError):
            self._log.append_failure(index, describe(value))
        else:
            self._log.append(index, value)

    def tick(self) -> bool:
        self._log.tick()
        return self._log.error is None


def write(out: ResultsFile, index: int, value: Any) -> None:
    """The line of an item."""
    if isinstance(value, ItemError):
        out.failure(index, describe(value))
    else:
        out.result(index, value)


def write_from(log: ResultLog, out: ResultsFile, first: int) -> None:
    """All lines, from the log, in the order of the items."""
    failed = iter(log.failed.items())
    next_failed = next(failed, None)
    for index, text in log.done.items():
        while next_failed is not None and next_failed[0] < index:
            out.failure(first + next_failed[0], next_failed[1])
            next_failed = next(failed, None)
        out.result(first + index, text)
    while next_failed is not None:
        out.failure(first + next_failed[0], next_failed[1])
        next_failed = next(failed, None)


def perform(
    run: MapRun[Any, str],
    sink: Sink,
    progress: Progress,
    *,
    stop_at_failure: bool,
    stop_reading: Callable[[], None],
    patience: float,
) -> Outcome:
    """Do all items, or as many as the signals and the failures let.

    `patience` is how many seconds the run may take to end after it was asked to; `stop_reading`
    lets go of a stream that keeps it waiting for items.
    """
    outcome = Outcome(run.report)
    watch = _Watch(run, sink, progress, stop_reading, patience)
    with watch.signals():
        pairs = sink.pairs(run)
        try:
            watch.look()
            for index, value in pairs:
                sink.take(index, value)
                if isinstance(value, ItemError):
                    insort(outcome.failed, (index, value.reason))
                    del outcome.failed[MOST_FAILED:]
                    if stop_at_failure and outcome.first is None:
                        outcome.first = value
                        watch.halt()
                watch.count(value)
                watch.look()
        except Halted:
            outcome.halted = True
        except Overdue:
            outcome.halted = outcome.overdue = True
        finally:
            progress.end()
            outcome.report = run.report
            outcome.signal = watch.signal
    return outcome


class _Watch:
    """What happens between results: signals, the timer, a look at the run."""

    def __init__(
        self,
        run: MapRun[Any, str],
        sink: Sink,
        progress: Progress,
        stop_reading: Callable[[], None],
        patience: float,
    ) -> None:
        self._run = run
        self._stop_reading = stop_reading
        self._sink = sink
        self._progress = progress
        self._patience = patience
        self._next_look = 0.0
        self._overdue_at: float | None = None
        self.signal: signal.Signals | None = None

    def halt(self) -> None:
        """Let the run end soon."""
        if self._overdue_at is None:
            self._overdue_at = time.monotonic() + self._patience
        self._run.halt()
        self._stop_reading()

    def count(self, value: str | ItemError) -> None:
        """One more result is here."""
        self._progress.done += 1
        self._progress.failed += isinstance(value, ItemError)

    def look(self) -> None:
        """How the run stands, a few times a second; called after each result and by the timer."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + TICK_SECONDS
            report = self._run.report
            self._progress.total = report.items
            self._progress.skipped = report.skipped
            # Results that wait for those before them are done, too.
            self._progress.done = max(self._progress.done, report.done)
            self._progress.failed = max(self._progress.failed, report.failed)
            self._progress.workers = report.workers
            self._progress.tick()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Catch what asks the run to end, and the timer."""
        before = {number: signal.signal(number, self._asked) for number in STOPS}
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._tick)
        signal.setitimer(signal.ITIMER_REAL, TICK_SECONDS, TICK_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.signal is not None:
            raise Overdue  # asked twice
        self.signal = signal.Signals(number)
        self.halt()

    def _tick(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if not self._sink.tick():
            self.halt()
        self.look()
        if self._overdue_at is not None and time.monotonic() >= self._overdue_at:
            self._overdue_at = None
            raise Overdue
