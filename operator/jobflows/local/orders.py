"""What people tell a run while it goes on, from wherever they are.

A run's document stands in the store as it would stand on a cluster, and the same changes steer it:
the annotations for stop, resume and approvals, `spec.suspend`, `executionPolicy.parallelism`.
Whoever changes it counts up its generation. The runner looks four times a second whether anybody
has written at all, which SQLite knows without reading, and then at the generation.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from jobflows.api.resume import RESUME_ANNOTATION
from jobflows.engine import StopRequest
from jobflows.engine.starts import read_approvals
from jobflows.engine.stopping import STOP_ANNOTATION, read_stop
from jobflows.local.store import Store
from jobflows.local.stored_run import StoredRun

EVERY = 0.25
"""Seconds between two looks."""


class Orders:
    """Calls `changed` with the document whenever somebody has changed it."""

    def __init__(
        self, store: Store, run: StoredRun, changed: Callable[[dict[str, Any]], None]
    ) -> None:
        self._store = store
        self._run = run
        self._changed = changed
        self._generation = run.generation
        self._version = store.version
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look from now on."""
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._look)

    def end(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self.start()
        try:
            version = self._store.version
            if version == self._version:
                return
            self._version = version
            row = self._store.connection.execute(
                "SELECT generation FROM flows WHERE run = ?", (self._run.number,)
            ).fetchone()
        except sqlite3.Error:  # the journal tells of it
            return
        if row is not None and row[0] != self._generation:
            self._generation = row[0]
            self._changed(self._run.document())


def annotations_of(document: Mapping[str, Any]) -> Mapping[str, str]:
    """The annotations of a flow."""
    found: Mapping[str, str] = document["metadata"].get("annotations") or {}
    return found


def stop_of(document: Mapping[str, Any]) -> StopRequest | None:
    """Whether a person wants the run to end."""
    asked = read_stop(annotations_of(document).get(STOP_ANNOTATION, ""))
    return asked and replace(asked, words="asked for by `jobflow stop`")


def resume_of(document: Mapping[str, Any]) -> str:
    """The request to resume it; empty without one."""
    return annotations_of(document).get(RESUME_ANNOTATION, "")


def approvals_of(document: Mapping[str, Any]) -> dict[str, bool]:
    """Answers to Manual steps."""
    return read_approvals(annotations_of(document))
