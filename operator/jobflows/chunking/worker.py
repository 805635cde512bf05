"""The loop of a worker process: take a claim, do it, send what is done.

Between two items it costs next to nothing; clocks and switches are looked at about every
millisecond. Signals that end the run are the collector's business: it asks workers to go, and the
kernel kills them should it die (`lifeline`).
"""

from __future__ import annotations

import fcntl
import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from jobflows.chunking.board import (
    BUSY,
    CLAIMS,
    CPU,
    CURSOR,
    DELAY,
    DONE,
    EACH,
    HALT,
    HELD,
    JOURNAL,
    LONGEST,
    PART,
    RETIRE,
    SINCE,
    SQUARES,
    WALL,
    Board,
)
from jobflows.chunking.errors import ItemError, failure_of
from jobflows.chunking.frames import Segment
from jobflows.chunking.lane import Lane
from jobflows.chunking.schedstat import Schedule
from jobflows.chunking.sender import Sender

FLUSH_NS = 20_000_000
FLUSH_BYTES = 256 << 10
LOOK_NS = 1_000_000
PATIENCE = 4
"""A claim that takes so many times what it should is cut short."""


class Worker:
    """One worker process; `work` returns when there is nothing left for it."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        lane: Lane,
        board: Board,
        slot: int,
        out: int,
        *,
        claim_ns: int,
    ) -> None:
        self._function = function
        self._lane = lane
        self._words = board.words
        self._squares = board.floats
        self._at = board.slot(slot)
        self._sender = Sender(board, slot, out, lane.index)
        self._claim_ns = claim_ns
        self._mean = 0.0  # nanoseconds an item
        self._segments: list[Segment] = []
        self._values: list[Any] = []
        self._first = self._failed = 0
        self._flushed = time.perf_counter_ns()
        self._schedule = Schedule()

    def work(self) -> None:
        """Until nothing is left, or it is asked to go."""
        words, at = self._words, self._at
        while not words[at + RETIRE]:
            taken = self._lane.take(self._wanted(), self._flush)
            if taken is None:
                break
            self._do(*taken)
        self._flush()
        self._sender.bye()

    def _wanted(self) -> int:
        if not self._mean:
            return 1
        return max(1, int(self._claim_ns / self._mean))

    def _do(self, start: int, items: Sequence[Any]) -> None:
        words, at, clock = self._words, self._at, time.perf_counter_ns
        count = len(items)
        words[at + CLAIMS] += 1
        self._open(start)
        done = 0
        began = before = clock()
        while done < count:
            stride = 1 if words[EACH] or not self._mean else max(1, int(LOOK_NS / self._mean))
            stop = min(count, done + stride)
            # SINCE comes first: who kills a late item then knows whether it was this one.
            words[at + SINCE] = before
            words[at + CURSOR], words[at + PART] = start + done, stop - done
            self._part(start, items, done, stop)
            after = clock()
            self._learn(after - before, stop - done)
            done, before = stop, after
            if (
                done < count
                and self._should_stop(after - began)
                and (self._lane.give_back(start + done, start + count) or words[HALT])
            ):
                count = done
            if done < count and after - self._flushed > FLUSH_NS:
                self._close()
                words[at + PART] = words[at + SINCE] = 0  # to wait for the collector is no item's
                self._flush(start + done, start + count)
                self._open(start + done)
        words[at + PART] = words[at + SINCE] = 0
        values = self._values
        large = bool(values) and sys.getsizeof(values[-1]) * len(values) > FLUSH_BYTES
        self._close()
        if large or before - self._flushed > FLUSH_NS or words[at + HELD] >= JOURNAL - 1:
            self._flush()

    def _open(self, first: int) -> None:
        self._first, self._values, self._failed = first, [], 0

    def _close(self) -> None:
        if self._values:
            self._segments.append((self._first, self._values, self._failed))

    def _part(self, start: int, items: Sequence[Any], done: int, stop: int) -> None:
        values = self._values
        part = items if done == 0 and stop == len(items) else items[done:stop]
        missing = len(values) + stop - done
        while len(part):
            try:
                values.extend(map(self._function, part))
                return
            except BaseException as error:  # noqa: BLE001 - also sys.exit() is an item's failure
                # What came before the failure is in `values`; go on behind it.
                k = stop - (missing - len(values))
                values.append(_portable(failure_of(self._lane.index(start + k), items[k], error)))
                self._failed += 1
                part = items[k + 1 : stop]

    def _learn(self, took: int, count: int) -> None:
        words, at = self._words, self._at
        mean = took / count
        self._mean = 0.7 * self._mean + 0.3 * mean if self._mean else mean
        words[at + DONE] += count
        words[at + BUSY] += took
        self._squares[at + SQUARES] += mean * mean * count
        if mean > words[at + LONGEST]:
            words[at + LONGEST] = int(mean)

    def _should_stop(self, took: int) -> bool:
        words = self._words
        return bool(words[HALT] or words[self._at + RETIRE]) or took > PATIENCE * self._claim_ns

    def _flush(self, start: int = 0, end: int = 0) -> None:
        """Send everything, and say how far the newest claim is done."""
        if self._segments:
            self._sender.send(self._segments)
            self._segments = []
        self._lane.sent(start, end)
        self._flushed = time.perf_counter_ns()
        at, words = self._at, self._words
        words[at + CPU], words[at + DELAY] = self._schedule.read()
        words[at + WALL] = words[at + BUSY]


def lifeline(fd: int) -> None:
    """Have the kernel kill this process when the other end of a pipe is closed.

    And what the function has started: they are a process group, which as such may not read from a
    terminal; that is an error, where it would else stop them.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    if not hasattr(fcntl, "F_SETSIG") or not hasattr(os, "O_ASYNC"):
        return  # macOS: the next write to the collector fails, and ends the worker then
    fcntl.fcntl(fd, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
    watch = select.poll()
    watch.register(fd, 0)
    if watch.poll(0):  # closed before we asked
        os._exit(1)


def heed_no_signals() -> None:
    """Leave Ctrl-C and SIGTERM to the collector.

    By a handler, not by ignoring them: a program that the function starts would inherit that.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))


def _portable(failure: ItemError) -> ItemError:
    """The failure, without its exception if that cannot be pickled and read again."""
    try:
        pickle.loads(pickle.dumps(failure, 5))
    except Exception:  # noqa: BLE001 - whatever an exception's own pickling raises
        failure = ItemError(
            failure.index, failure.item, failure.kind, failure.reason, None, failure.details
        )
    return failure
