"""Whose fault the death of a worker is: the item's it stood on, or nobody's that is known.

An item that kills one worker may have been there by chance, as when somebody killed the worker from
outside, so it is tried again; one that kills a second worker has failed. Workers that die one after
the other before they begin anything are no item's fault, and there is no use in starting more.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

from jobflows.chunking.errors import ItemError, WorkersLostError, show
from jobflows.chunking.supply import Indexed

STRIKES = 2
"""Workers that one item may kill before it has failed."""
STILLBORN = 5
"""Workers in a row that may die before they begin an item."""


class Blame:
    """Of one crew. A `status` is what the kernel says of a process that has ended."""

    def __init__(self) -> None:
        self._strikes: Counter[int] = Counter()
        self._stillborn = 0

    def worker(self, status: int, *, began: bool) -> None:
        """Give up when one worker after the other dies before it has begun anything.

        Raises `WorkersLostError`.
        """
        self._stillborn = 0 if began else self._stillborn + 1
        if self._stillborn > STILLBORN:
            raise WorkersLostError(
                f"{self._stillborn} workers ended before they began an item, the last by "
                f"{_how(status)}: see what they wrote to stderr"
            )

    def item(self, known: Indexed, status: int, late: float | None) -> ItemError | None:
        """How the item failed on which a dead worker stood; None if it is to be tried again.

        `late` are the seconds it was given, if the worker was killed for taking longer.
        """
        index, item = known
        if late is not None:
            words = f"took longer than {late:g} s, and its worker was killed"
            return ItemError(index, show(item), "timeout", words)
        self._strikes[index] += 1
        if self._strikes[index] < STRIKES:
            return None
        words = f"killed {STRIKES} workers: {_how(status)}"
        return ItemError(index, show(item), "killed", words)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    hint = ", as the kernel does when memory runs out" if -code == signal.SIGKILL else ""
    return f"signal {name}{hint}"
