"""Makes the crew that a run needs, and says why it is that one."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from jobflows.chunking.board import Board
from jobflows.chunking.choice import Choice
from jobflows.chunking.counted import Counted
from jobflows.chunking.crew import Crew, Starter
from jobflows.chunking.crowd import CrowdForked
from jobflows.chunking.fed import Fed
from jobflows.chunking.forked import Forked
from jobflows.chunking.options import Options
from jobflows.chunking.source import Source
from jobflows.chunking.supply import Batch, Indexed, Supply
from jobflows.chunking.tally import Sums
from jobflows.chunking.threads import Threads

RING_BYTES = 8 << 20
CROWD_SLOTS = 8
"""Processes that share the items of a crowd that one of them killed."""


class Gang(Protocol):
    """Processes or threads, as a run sees them."""

    deaths: int
    wanted: int

    def start(self) -> None: ...

    def gather(self, seconds: float) -> Iterator[Batch]: ...

    def allow(self, limit: int) -> None: ...

    def halt(self) -> None: ...

    def close(self) -> None: ...

    @property
    def pids(self) -> Sequence[int]: ...

    @property
    def at_once(self) -> int: ...

    @property
    def is_over(self) -> bool: ...

    @property
    def sums(self) -> Sums: ...


def hire(
    function: Callable[[Any], Any],
    source: Source,
    options: Options,
    choice: Choice,
    *,
    limit: int | None,
) -> tuple[Gang, Callable[[], Iterator[Indexed]]]:
    """The crew for what is left of the source, and what to ask for what it leaves undone.

    Raises `NotPortableError`.
    """
    if choice.kind == "thread":
        items = source.items
        threads = Threads(
            function,
            items,
            workers=choice.workers,
            grow=choice.grow,
            # An iterator may wait for what became of the items that it gave.
            claim_seconds=options.claim_seconds if source.sequence is not None else 0.0,
            timeout=options.timeout,
            limit=limit,
        )
        return threads, lambda: items
    workers = CROWD_SLOTS if choice.kind == "crowd" else choice.workers or 1
    claim_ns = int(options.claim_seconds * 1e9)
    board = Board(workers, RING_BYTES)
    supply: Supply
    starter: Starter
    if source.sequence is not None and choice.kind == "process" and choice.method == "fork":
        supply = Counted(source.sequence, source.order(), board, limit)
    else:
        supply = Fed(source.items, board, limit=limit)
    try:
        if choice.kind == "crowd":
            starter = CrowdForked(function, supply, board, claim_ns, options)
        elif choice.method == "fork":
            starter = Forked(function, supply, board, sharers=workers, claim_ns=claim_ns)
        else:
            spawned = importlib.import_module("jobflows.chunking.spawned")  # multiprocessing: 10 ms
            starter = spawned.Spawned(choice.method, function, board, claim_ns=claim_ns)
    except BaseException:
        board.close()
        raise
    crew = Crew(starter, supply, board, workers=workers, timeout=options.timeout)
    if choice.kind == "crowd":
        crew.wanted = 1
    return crew, supply.leftover
