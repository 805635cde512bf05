"""What a caller may get wrong, and what a failed task looks like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from jobflows.chunking.errors import ItemError

PoolType = Literal["auto", "process", "thread"]


class TaskFailedError(Exception):
    """Tasks of a graph failed; the others that could finish did.

    `failures` is by task name, `skipped` are the tasks below them, `results` those of the others.
    """

    def __init__(
        self, failures: Mapping[str, ItemError], skipped: tuple[str, ...], results: dict[str, Any]
    ) -> None:
        self.failures = dict(failures)
        self.skipped = skipped
        self.results = results
        words = [f"task {name!r} failed: {why.reason}" for name, why in self.failures.items()]
        if skipped:
            words.append(f"not run because of that: {', '.join(skipped)}")
        super().__init__("; ".join(words))
        for name, why in self.failures.items():
            if why.details:
                self.add_note(f"task {name!r}:\n{why.details.rstrip()}")


def checked_pool_type(pool_type: str) -> PoolType:
    """The same, if there is such a pool."""
    known = get_args(PoolType)
    if pool_type not in known:
        raise ValueError(f"pool_type is {pool_type!r}: give one of {', '.join(known)}")
    return pool_type  # type: ignore[return-value] # it is one of them


def checked_count(name: str, value: int | None) -> int | None:
    """The same, if it is a number of something, or None."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError(f"{name} is {value!r}: give a whole number of at least 1, or None")
    return value
