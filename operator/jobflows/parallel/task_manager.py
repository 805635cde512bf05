"""`execute_parallel`: a function over items, results in the order of the items."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from jobflows.chunking.options import Options
from jobflows.chunking.run import MapRun
from jobflows.parallel.errors import PoolType, checked_count, checked_pool_type
from jobflows.parallel.memory import workers_that_fit

T = TypeVar("T")
R = TypeVar("R")


def execute_parallel(
    fn: Callable[[T], R],
    items: Iterable[T],
    num_workers: int | None = None,
    pool_type: PoolType = "auto",
    *,
    memory_per_task: int | None = None,
) -> list[R]:
    """`[fn(item) for item in items]`, on up to `num_workers` processes or threads.

    "process" is for work, "thread" for waiting; "auto" tells them apart, and stays in the calling
    process where neither would pay. With `memory_per_task` (bytes) there are no more workers than
    have room. Chunk sizes need no choice: workers claim what takes 2 ms.

    Raises what `fn` raises, with a note that names the item.
    """
    pool_type = checked_pool_type(pool_type)
    workers = checked_count("num_workers", num_workers)
    if memory_per_task is not None:
        workers = workers_that_fit(memory_per_task, workers)
    return MapRun(fn, items, Options(workers=workers, executor=pool_type)).results()
