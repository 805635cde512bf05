"""Says how far a run is, to whoever listens to the logger `jobflows.sdk`."""

from __future__ import annotations

import logging
import time

from jobflows.engine import Ledger, Plan

logger = logging.getLogger("jobflows.sdk")

EVERY = 10.0
"""Seconds between two lines."""


class Progress:
    """Told of every plan; says a line now and then, and nothing where nobody listens."""

    def __init__(self, name: str, tasks: int) -> None:
        self._name = name
        self._tasks = tasks
        self._next = time.monotonic() + EVERY

    def __call__(self, decided: Plan, before: Ledger) -> None:
        """Say how many tasks are done if it is time to."""
        del before
        now = time.monotonic()
        if now < self._next or not logger.isEnabledFor(logging.INFO):
            return
        self._next = now + EVERY
        done, failed = count(decided.ledger)
        bad = f", {failed} failed" if failed else ""
        logger.info("%s: %d of %d tasks are done%s", self._name, done, self._tasks, bad)


def count(ledger: Ledger) -> tuple[int, int]:
    """Tasks that will not run again, and those of them that have failed."""
    done = failed = 0
    for record in ledger.steps:
        if record.tasks is not None:
            done += len(record.tasks.final)
            failed += len(record.tasks.failed)
        else:
            done += record.phase.terminal
            failed += record.phase == "Failed"
    return done, failed
