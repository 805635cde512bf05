"""How many items of a map go to one task.

A task pays for a Job, a pod, a node's place and an image before it works; one that is lost pays for
what it has not logged. So a task should run for minutes (`sizing.py` has the bounds). What earlier
runs of the same function have measured says how many items that is. Without knowledge a small map
is one task, and a large one is cut at a round number, which is then measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobflows.api.array import ItemsError
from jobflows.api.map import LONGEST_BLOCK, Map, longest_item
from jobflows.engine.mapping import Measured

TARGET = 300.0
"""Seconds that a task should run: five times the shortest and a sixth of the longest good one."""

FEW = 1000
"""Items that make one task as long as nobody knows how long they take, and the size of each task of
a map with more."""


@dataclass(frozen=True, slots=True)
class Cut:
    """So many items a task, and why."""

    per_task: int
    reason: str


def cut(mapping: Map, items: Sequence[Any], known: Measured | None) -> Cut:
    """Decide about `items`; `known` is what the function's last run has measured.

    Raises `ItemsError` when an item is too long to be handed to a task.
    """
    longest = longest_item(items)
    if longest > LONGEST_BLOCK:
        raise ItemsError(f"an item is longer than {LONGEST_BLOCK} bytes as JSON")
    total = max(1, len(items))
    most = LONGEST_BLOCK // longest if longest else total
    if mapping.items_per_task == "auto":
        wanted, reason = _by_knowledge(total, known)
    else:
        wanted, reason = int(mapping.items_per_task), "itemsPerTask says so"
    if wanted > most and total > most:
        return Cut(_even(total, most), f"as many as fit into {LONGEST_BLOCK} bytes")
    if mapping.items_per_task != "auto":
        return Cut(wanted, reason)
    return Cut(_even(total, wanted), reason)


def _by_knowledge(total: int, known: Measured | None) -> tuple[int, str]:
    if known is None or not known.ran or known.item_seconds <= 0:
        words = "nothing is known of the function yet"
        return (total, f"{words}, and {total} are few") if total <= FEW else (FEW, words)
    each = known.item_seconds / max(known.speedup, 1.0)
    wanted = max(1, math.floor(TARGET / each))
    span = f"{TARGET / 60:.0f} min"
    words = f"an item took {known.item_seconds:.3g} s, {max(known.speedup, 1.0):.3g} at once"
    if wanted >= total:
        return total, f"{words}: all of them take less than {span}"
    return wanted, f"{words}: {wanted} take {span}"


def _even(total: int, most: int) -> int:
    """The size of equal blocks of at most `most`."""
    tasks = math.ceil(total / max(1, most))
    return math.ceil(total / tasks)
