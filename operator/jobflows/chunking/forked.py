"""Workers by fork: they have the function and the items already, so nothing is pickled for them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from jobflows.chunking.board import Board
from jobflows.chunking.crew import Pipes
from jobflows.chunking.numeric_threads import limit_threads, threads_each
from jobflows.chunking.sender import confess
from jobflows.chunking.supply import Supply
from jobflows.chunking.worker import Worker, heed_no_signals, lifeline


class Forked:
    """Starts workers for `crew.Crew`."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        supply: Supply,
        board: Board,
        *,
        sharers: int,
        claim_ns: int,
    ) -> None:
        self._function = function
        self._supply = supply
        self._board = board
        self._sharers = sharers
        self._claim_ns = claim_ns
        self._threads = threads_each(sharers)

    def start(self, slot: int, pipes: Pipes, others: list[int]) -> int:
        _flush()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            lifeline(pipes.life)
            heed_no_signals()
            for fd in others:
                os.close(fd)
            try:
                self._work(slot, pipes)
            except Exception as error:  # noqa: BLE001 - told to the caller
                confess(pipes.out, error)
            status = 0
        except BaseException:  # noqa: BLE001 - nothing may return into the caller's code
            sys.excepthook(*sys.exc_info())
        finally:
            _leave(status)
        raise AssertionError

    def has_ended(self, pid: int) -> bool:
        try:
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # somebody else waits for all children, or SIGCHLD is ignored
            return True

    def ended(self, pid: int) -> int:
        try:
            return os.waitpid(pid, 0)[1]
        except ChildProcessError:
            return 0

    def _work(self, slot: int, pipes: Pipes) -> None:
        limit_threads(self._threads)
        Worker(
            self._function,
            self._supply.lane(slot, pipes.inbox, self._sharers),
            self._board,
            slot,
            pipes.out,
            claim_ns=self._claim_ns,
        ).work()


def _leave(status: int) -> None:
    """End a worker, without what the caller's process would do at its end."""
    try:
        _flush()
    finally:
        os._exit(status)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is where a program is started without them
            stream.flush()
