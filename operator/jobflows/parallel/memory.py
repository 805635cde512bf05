"""Keeping parallel work within memory: fewer workers, or fewer items at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from jobflows.chunking.machine.cores import usable_cores
from jobflows.chunking.machine.memory import available_memory
from jobflows.parallel.errors import checked_count

T = TypeVar("T")


def workers_that_fit(
    memory_per_task: int, num_workers: int | None = None, available: int | None = None
) -> int:
    """How many of `num_workers` (default: the usable cores) have room for a task each, at least 1.

    `memory_per_task` and `available` are bytes; by default, what the cgroup and the machine have
    left is available.
    """
    checked_count("memory_per_task", memory_per_task)
    wanted = checked_count("num_workers", num_workers) or usable_cores()
    room = available_memory() if available is None else available
    return max(1, min(wanted, room // memory_per_task))


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`, read as they are asked for; the last may be shorter."""
    checked_count("size", size)
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
