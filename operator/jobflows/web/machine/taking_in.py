"""The runs of this machine -> its archive, while somebody looks.

A runner writes to the archive itself, but seldom. Who looks at a run that goes on wants to see each
beginning and each end, so here a run is taken in again whenever anything of it has changed.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path

from jobflows.archive import Archive, ArchiveError
from jobflows.local import LocalRunError, Store, StoredRun
from jobflows.local.archiving import facts_of

EVERY = 1.0
"""Seconds between two looks."""

SLACK = 60 * 1_000_000
"""Microseconds that an end may take to be written down by its runner."""


class TakingIn:
    """Keeps an archive up to date with the runs of `home`. One thread uses it at a time."""

    def __init__(self, archive: Archive, home: Path) -> None:
        self._archive = archive
        self._home = home
        self._marks: dict[str, str] = {}
        self._taken: dict[str, int] = {}
        self._described: dict[str, int] = {}

    def look(self) -> int:
        """Take in what is new; returns how many runs were."""
        taken = 0
        with Store.open(self._home) as store:
            for run in store.runs():
                id, mark = run.info.id, _mark(run)
                if self._marks.get(id) == mark:
                    continue
                with suppress(ValueError):  # a flow of another release, which this one cannot read
                    self._take(run, id)
                    taken += 1
                self._marks[id] = mark
        return taken

    def _take(self, run: StoredRun, id: str) -> None:
        now = int(time.time() * 1_000_000)
        before = self._taken.get(id, SLACK - 1) - SLACK
        generation = run.generation
        is_described = self._described.get(id) == generation
        facts = facts_of(run, run.info, before, now, is_described=is_described)
        self._archive.write(facts)
        self._taken[id], self._described[id] = now, generation


def keep_looking(taking: TakingIn, ended: threading.Event) -> None:
    """Look again and again until `ended`; trouble passes, or the pages tell of it."""
    while not ended.wait(EVERY):
        with suppress(LocalRunError, ArchiveError):
            taking.look()


def _mark(run: StoredRun) -> str:
    """The same while nothing of a run has changed."""
    info = run.info
    stands = f"{info.phase} {info.message} {info.finished} {run.generation}"
    if info.phase.terminal:
        return stands
    newest = max((each.started for each in run.attempts()), default=0.0)
    return f"{stands} {info.completed} {run.is_running} {newest} {run.last_end}"
