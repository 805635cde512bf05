"""Tasks of an agenda on the workers of `jobflows.chunking`: each gets one when it is free.

Processes are forked with all functions, so that these need not be pickled; arguments and results
are sent. Where a fork is not safe the functions are sent, too. Threads share everything.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from jobflows.chunking.board import Board
from jobflows.chunking.choice import free_threaded, start_method
from jobflows.chunking.crew import Crew, Starter
from jobflows.chunking.errors import ItemError
from jobflows.chunking.fed import Fed
from jobflows.chunking.forked import Forked
from jobflows.chunking.hire import RING_BYTES, Gang
from jobflows.chunking.options import Options
from jobflows.chunking.supply import Batch, Indexed
from jobflows.chunking.threads import Threads
from jobflows.parallel.agenda import Agenda
from jobflows.parallel.errors import PoolType

TURN = 0.5
"""Seconds to wait for news, which end the waiting."""
ONE_AT_A_TIME = 1e-9
"""Seconds of work to claim, so small that a claim is always one task."""


def run(
    functions: tuple[Callable[..., Any], ...], agenda: Agenda, workers: int, pool_type: PoolType
) -> None:
    """Have every task of the agenda done, failed or skipped."""
    call = Call(functions)
    if pool_type == "thread" or (pool_type == "auto" and free_threaded()):
        _by_threads(call, agenda, workers)
        return
    method, _ = start_method(Options())
    if method != "fork" and pool_type == "auto":
        spawned = importlib.import_module("jobflows.chunking.spawned")
        try:
            spawned.portable(call)
        except spawned.NotPortableError:
            _by_threads(call, agenda, workers)
            return
    _by_processes(call, agenda, workers, method)


@dataclass(frozen=True, slots=True)
class Call:
    """Calls the task with an index; what workers do."""

    functions: tuple[Callable[..., Any], ...]

    def __call__(self, item: tuple[int, tuple[Any, ...]]) -> Any:
        task, arguments = item
        return self.functions[task](*arguments)


class Dealt(Fed):
    """Tasks for worker processes: one to each that has none, if one can run."""

    def __init__(self, agenda: Agenda, board: Board) -> None:
        super().__init__(iter(()), board, limit=None)
        self._agenda = agenda

    def serve(self, mean_ns: float) -> Sequence[Batch]:  # noqa: ARG002 - tasks are not alike
        for slot in list(self._inbox):
            self._push(slot)
            if self._held[slot]:
                continue
            if self._again:
                self._send(slot, self._again.popleft())
            elif (task := self._agenda.take()) is not None:
                self._send(slot, [(task[0], task)])
        return self._refusals()

    @property
    def is_done(self) -> bool:
        return self._agenda.is_over


class Awaited(Iterator[Indexed]):
    """Tasks for threads, which wait in here until one can run."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._closed = False
        self.changed = threading.Condition()

    def __next__(self) -> Indexed:
        with self.changed:
            while not self._closed and not self._agenda.is_over:
                task = self._agenda.take()
                if task is not None:
                    return task[0], task
                self.changed.wait()
        raise StopIteration

    def close(self) -> None:
        """Let nobody wait any more."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()


def _by_processes(call: Call, agenda: Agenda, workers: int, method: Any) -> None:
    board = Board(workers, RING_BYTES)
    supply = Dealt(agenda, board)
    claim_ns = int(ONE_AT_A_TIME * 1e9)
    starter: Starter
    try:
        if method == "fork":
            starter = Forked(call, supply, board, sharers=workers, claim_ns=claim_ns)
        else:
            spawned = importlib.import_module("jobflows.chunking.spawned")
            starter = spawned.Spawned(method, call, board, claim_ns=claim_ns)
    except BaseException:
        board.close()
        raise
    crew = Crew(starter, supply, board, workers=workers, timeout=None)
    with closing(crew):
        _gather(crew, agenda)


def _by_threads(call: Call, agenda: Agenda, workers: int) -> None:
    tasks = Awaited(agenda)
    threads = Threads(
        call,
        tasks,
        workers=workers,
        grow=False,
        claim_seconds=ONE_AT_A_TIME,
        timeout=None,
        limit=None,
    )
    with closing(tasks), closing(threads):
        _gather(threads, agenda, tasks.changed)


def _gather(gang: Gang, agenda: Agenda, changed: threading.Condition | None = None) -> None:
    gang.start()
    while not agenda.is_over:
        for batch in gang.gather(TURN):
            for task, value in zip(batch.indices, batch.values, strict=True):
                if changed is None:
                    _note(agenda, task, value)
                    continue
                with changed:
                    _note(agenda, task, value)
                    changed.notify_all()


def _note(agenda: Agenda, task: int, value: Any) -> None:
    if type(value) is ItemError:
        agenda.fail(task, value)
    else:
        agenda.finish(task, value)
