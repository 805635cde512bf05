"""`execute_batch`: a list of results of items that do not fit into memory together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from jobflows.chunking.memory import private_memory
from jobflows.chunking.options import Executor, OnError, Options
from jobflows.chunking.run import MapRun

BATCH_SIZE = 1000
GIGABYTE = 1024**3


def execute_batch(
    func: Callable[[Any], Any],
    data: Iterable[Any],
    *,
    batch_size: int = BATCH_SIZE,
    max_memory_gb: float | None = None,
    max_workers: int | None = None,
    executor_type: Executor = "auto",
    errors: OnError = "raise",
    timeout: float | None = None,
) -> list[Any]:
    """Run `func` over `data`, reading no more than `batch_size` items ahead of what is done.

    Batches are not run one after the other, which would leave workers idle at the end of each: what
    is done makes room for the next item. `max_memory_gb` is for workers and results together.
    Workers that hold too much are let go one by one; if the results alone are more, MemoryError is
    raised: `optimize_streaming` hands them out instead of keeping them.

    Raises what `func` raises, with a note that names the item, and ValueError for an option.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}: give a whole number of at least 1")
    if max_memory_gb is not None and not max_memory_gb > 0:
        raise ValueError(f"max_memory_gb is {max_memory_gb!r}: give gigabytes above 0, or None")
    most = None if max_memory_gb is None else max(1, int(max_memory_gb * GIGABYTE))
    options = Options(
        workers=max_workers,
        executor=executor_type,
        errors=errors,
        timeout=timeout,
        window=batch_size,
        max_memory=most,
    )
    before = private_memory(os.getpid())
    results: list[Any] = []
    for value in MapRun(func, data, options).ordered():
        results.append(value)
        if most is not None and len(results) % _every(batch_size) == 0:
            held = private_memory(os.getpid()) - before
            if held > most:
                raise MemoryError(
                    f"max_memory_gb is {max_memory_gb:g}, and {len(results)} results take "
                    f"{held / GIGABYTE:.2g} GB: have less returned, or use optimize_streaming"
                )
    return results


def _every(batch_size: int) -> int:
    """Results between two looks at memory: a look takes about 10 µs."""
    return min(batch_size, 16)
