"""Workers by forkserver or spawn: fresh interpreters, which are sent the function and the items.

Needed where a fork is not safe, because other threads of the caller may hold locks that nobody
would ever let go of in the copy.
"""

from __future__ import annotations

import atexit
import importlib
import multiprocessing
import pickle
import weakref
from collections.abc import Callable
from multiprocessing import reduction
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any

from jobflows.chunking import mains
from jobflows.chunking.board import Board
from jobflows.chunking.crew import Pipes
from jobflows.chunking.lane import PipeLane
from jobflows.chunking.numeric_threads import inherited, limit_threads, threads_each
from jobflows.chunking.options import StartMethod
from jobflows.chunking.sender import confess
from jobflows.chunking.worker import Worker, heed_no_signals, lifeline

Context = ForkServerContext | SpawnContext


_STARTED: weakref.WeakSet[BaseProcess] = weakref.WeakSet()


@atexit.register  # after that of multiprocessing, so it is called before: that one waits for all
def _end_with_the_program() -> None:
    for process in list(_STARTED):
        process.kill()


class NotPortableError(TypeError):
    """A function cannot be sent to another interpreter."""


def portable(function: Callable[[Any], Any]) -> bytes:
    """The function as bytes: by name, or with its code where cloudpickle is installed.

    Raises `NotPortableError`.
    """
    data, trouble = b"", mains.WHY
    try:
        data = pickle.dumps(function, 5)
        if not _is_mains(function):
            return data
    except Exception as error:  # noqa: BLE001 - pickling raises what it likes
        trouble = f"{error}: define it at the top of a module"
    try:
        code: bytes = importlib.import_module("cloudpickle").dumps(function, 5)
    except ImportError:
        if data and mains.is_importable():
            return data
        raise NotPortableError(
            f"{function!r} cannot be sent to another interpreter: {trouble}, install cloudpickle, "
            "or set start_method='fork'"
        ) from None
    except Exception as error:
        raise NotPortableError(f"{function!r} cannot be sent to another interpreter") from error
    return code


class Spawned:
    """Starts workers for `crew.Crew`, all of which are fed."""

    def __init__(
        self, method: StartMethod, function: Callable[[Any], Any], board: Board, *, claim_ns: int
    ) -> None:
        context = multiprocessing.get_context(method)
        assert isinstance(context, Context)
        self._context = context
        self._method = method
        self._function = portable(function)
        self._board = board
        self._claim_ns = claim_ns
        self._threads = threads_each(board.slots)
        self._processes: dict[int, BaseProcess] = {}

    def start(self, slot: int, pipes: Pipes, others: list[int]) -> int:  # noqa: ARG002 - none of
        # the collector's descriptors reach a fresh interpreter
        process = self._context.Process(
            target=_be_worker,
            args=(
                self._function,
                (_Descriptor(self._board.fd), self._board.slots, self._board.ring_bytes),
                slot,
                tuple(_Descriptor(fd) for fd in (pipes.out, pipes.inbox, pipes.life)),
                self._claim_ns,
                self._threads,
            ),
        )
        # A forkserver has the variables it was started with; its workers set theirs themselves.
        threads = self._threads if self._method == "spawn" else None
        with mains.kept_out_if_harmful(), inherited(threads):
            process.start()
        assert process.pid is not None
        self._processes[process.pid] = process
        _STARTED.add(process)
        return process.pid

    def has_ended(self, pid: int) -> bool:
        return self._processes[pid].exitcode is not None

    def ended(self, pid: int) -> int:
        process = self._processes.pop(pid)
        process.join()
        _STARTED.discard(process)
        code = process.exitcode or 0
        process.close()
        return -code if code < 0 else code << 8


class _Descriptor:
    """A file descriptor that arrives in the worker as a number that is valid there."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __reduce__(self) -> tuple[Callable[[Any], int], tuple[Any]]:
        return _arrived, (reduction.DupFd(self._fd),)


def _arrived(descriptor: Any) -> int:
    fd: int = descriptor.detach()
    return fd


def _be_worker(  # noqa: PLR0917 - one caller
    function: bytes,
    shared: tuple[int, int, int],
    slot: int,
    pipes: tuple[int, int, int],
    claim_ns: int,
    threads: int | None,
) -> None:
    fd, slots, ring_bytes = shared
    out, inbox, life = pipes
    lifeline(life)
    heed_no_signals()
    board = Board(slots, ring_bytes, fd)
    try:
        limit_threads(threads)
        lane = PipeLane(inbox)
        Worker(pickle.loads(function), lane, board, slot, out, claim_ns=claim_ns).work()
    except Exception as error:  # noqa: BLE001 - told to the caller
        confess(out, error)


def _is_mains(function: Callable[[Any], Any]) -> bool:
    """Whether it is found only in `__main__`, which a worker may not be able to import."""
    return getattr(function, "__module__", None) == "__main__"
