"""Whether workers would pay, which, and how many: pure decisions, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MUCH_WAITING = 0.5
"""An item that waits for more than this share of its time is for threads."""
PER_ITEM_SEND = 0.10e-6
PER_ITEM_RECEIVE = 0.12e-6
"""Seconds that an item costs a worker and the collector besides its pickling."""
MARGIN = 1.1
"""Workers have to save this much, for the estimate to be believed."""
FORK_SECONDS = 0.0012
FORK_SECONDS_PER_BYTE = 8e-12
"""A fork copies page tables: about 8 ms for a gigabyte."""
FRESH_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of the items, in seconds an item."""

    mean: float
    send: float = 0.0
    receive: float = 0.0


def start_seconds(workers: int, resident: int, *, forked: bool) -> float:
    """Until that many workers have begun."""
    if forked:
        return workers * (FORK_SECONDS + FORK_SECONDS_PER_BYTE * resident)
    return FRESH_SECONDS


def parallel_seconds(items: int, workers: int, one: Estimate, start: float) -> float:
    """How long so many items take with workers."""
    send, receive = one.send + PER_ITEM_SEND, one.receive + PER_ITEM_RECEIVE
    # Collector and workers share the cores.
    together = (one.mean + send + receive) / workers
    return start + items * max(together, receive)


def pays(items: int, workers: int, one: Estimate, start: float) -> bool:
    """Whether workers are quicker than going on alone."""
    return workers > 1 and items * one.mean > MARGIN * parallel_seconds(items, workers, one, start)
