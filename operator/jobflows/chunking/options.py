"""What a caller may ask of a run; everything left out is found out.

Frozen and checked when made, so that a bad value is refused where it was written and no executor
has to look at it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

Executor = Literal["auto", "serial", "process", "thread"]
StartMethod = Literal["fork", "forkserver", "spawn"]
OnError = Literal["raise", "return"]

CLAIM_SECONDS = 0.010
"""Work that a worker takes at a time: a claim costs about 3 µs, so this is a thousandth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How items are worked on. Times are in seconds, memory is in bytes."""

    workers: int | None = None
    """Workers at most. None: as many as the cores, the CPU quota and the memory allow."""
    executor: Executor = "auto"
    """auto: processes for work, threads for waiting, neither when they would not pay."""
    start_method: StartMethod | None = None
    """How processes start. None: fork, unless other threads of this process make it unsafe."""
    claim_seconds: float = CLAIM_SECONDS
    """Work that a worker takes at a time, as far as items are that small."""
    errors: OnError = "raise"
    """raise: the first failed item ends the run. return: its result is an `ItemError`."""
    timeout: float | None = None
    """Seconds that one item may take; after it the item has failed."""
    window: int | None = None
    """Items that may be read or done ahead of the consumer. None: no limit for sized inputs."""
    isolate: bool = False
    """Whether no item may run in the calling process, which then no item can kill."""
    max_memory: int | None = None
    """Bytes that all workers together may hold. None: as the cgroup and the machine say."""
    cost: Callable[[Any], float] | None = None
    """Expected cost of an item, in any unit: the dearest are begun first."""

    def __post_init__(self) -> None:
        for name, kind in (("executor", Executor), ("errors", OnError)):
            _one_of(name, getattr(self, name), get_args(kind))
        if self.start_method is not None:
            _one_of("start_method", self.start_method, get_args(StartMethod))
        for name in ("workers", "window", "max_memory"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ValueError(f"{name} is {value!r}: give a whole number of at least 1, or None")
        if not self.claim_seconds > 0:
            raise ValueError(f"claim_seconds is {self.claim_seconds!r}: give seconds above 0")
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(f"timeout is {self.timeout!r}: give seconds above 0, or None")


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}: give one of {', '.join(allowed)}")
