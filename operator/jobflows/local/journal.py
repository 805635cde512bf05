"""Writes a run down while it goes on: what has ended at once, what follows from it soon.

The end of an attempt is what must not be lost, so it is committed in the same turn of the event
loop in which it is seen, together with all others of that turn. The ledger follows from those
ends, so it may be late: only records that have changed are written, and the more a write costs, the
longer the next one waits. A runner that takes over gives the ledger the ends that it has not seen.

A disk that is full does not end a run: what could not be written is kept and tried again.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobflows.api.containers import main_container
from jobflows.api.quantities import QuantityError, to_bytes, to_millis
from jobflows.engine import (
    FRESH,
    Attempt,
    AttemptState,
    CompiledFlow,
    Ledger,
    StepRecord,
    write_head,
    write_status,
    write_step,
)
from jobflows.local.clock import Clock
from jobflows.local.store import Store
from jobflows.local.trouble import explain
from jobflows.local.usage import Usage

EXPORT = "status.json"
"""The whole status in the run's directory, written when the run has ended."""

SHORTEST_PAUSE = 0.25
"""Seconds between two writes of the ledger, at least."""

SHARE = 0.02
"""Part of the run's time that writing the ledger may take."""

RETRY = 1.0
"""Seconds until a write that failed is tried again."""

_END = (
    "INSERT OR REPLACE INTO attempts (run, step, attempt, task, phase, cause, reason, message,"
    " exit_codes, output, job, started, finished, peak_memory, cpu_seconds, memory, memory_request,"
    " cpu, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_HEAD = (
    "UPDATE runs SET phase = ?, reason = ?, message = ?, started = ?, finished = ?, completed = ?,"
    " total = ?, head = ?, seen = ? WHERE number = ?"
)
_STEP = "INSERT OR REPLACE INTO steps VALUES (?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the main container of an attempt asks for: bytes, thousandths of a core."""

    memory: int | None = None
    memory_request: int | None = None
    cpu: int | None = None


class Journal:
    """The written record of one run."""

    def __init__(
        self,
        store: Store,
        run: int,
        flow: CompiledFlow,
        workdir: Path,
        clock: Clock,
        *,
        written: Sequence[StepRecord | None] = (),
        ends: int = 0,
    ) -> None:
        """`written` are the records that the store has, None where it has another, and `ends` is
        how many ends it knows."""
        self.flow = flow
        self._store = store
        self._run = run
        self._export = workdir / EXPORT
        self._clock = clock
        self._written = written
        self._newest: Ledger | None = None
        self._rows: dict[tuple[str, int], tuple[Any, ...]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None
        self._pause = 0.0
        self._ends = ends
        self._seen = ends
        self.problem = ""
        """Why the last write failed."""

    def began(self, step: str, attempt: Attempt, asked: Asked) -> None:
        """An attempt runs; nobody is lost if this is."""
        self._rows[step, attempt.number] = self._row(step, attempt, asked)

    def ended(self, step: str, attempt: Attempt, asked: Asked, usage: Usage) -> None:
        """An attempt has ended: this is committed before anybody sleeps."""
        self._ends += 1
        succeeded = attempt.state is AttemptState.SUCCEEDED
        phase = "Succeeded" if succeeded else "Failed"
        self._rows[step, attempt.number] = self._row(
            step, attempt, asked, phase=phase, usage=usage, ended=self._ends
        )
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._commit_ends)

    def note(self, ledger: Ledger) -> None:
        """Write `ledger` soon; it has taken in every end until now."""
        self._newest = ledger
        self._seen = self._ends
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self.flush)

    def flush(self) -> None:
        """Write all that is not written."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ledger, self._newest = self._newest, None
        began = time.perf_counter()
        if not self._commit(ledger):
            self._newest = self._newest or ledger
            self._timer = asyncio.get_running_loop().call_later(RETRY, self.flush)
        self._pause = max(SHORTEST_PAUSE, (time.perf_counter() - began) / SHARE)

    def export(self, ledger: Ledger) -> None:
        """Leave the whole status as a file beside the logs."""
        status = write_status(self.flow, ledger, self._clock())
        part = self._export.with_suffix(".part")
        try:
            part.write_text(_lines(status))
            os.replace(part, self._export)
        except OSError as error:  # a full disk must not take the run's outcome with it
            self.problem = f"{self._export}: {error.strerror}"

    def _commit_ends(self) -> None:
        self._soon = None
        if not self._commit(None) and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(RETRY, self.flush)

    def _commit(self, ledger: Ledger | None) -> bool:
        """One transaction with all that waits, and the ledger; whether that went well."""
        if not self._rows and ledger is None:
            return True
        connection = self._store.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_END, self._rows.values())
            if ledger is not None:
                connection.executemany(_STEP, self._changed(ledger))
                connection.execute(_HEAD, self._head(ledger))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self.problem = explain(self._store.home, error)
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return False
        self._rows.clear()
        self.problem = ""
        if ledger is not None:
            self._written = ledger.steps
        return True

    def _changed(self, ledger: Ledger) -> list[tuple[int, str, str]]:
        names, handlers = self.flow.graph.names, self.flow.handlers
        before = self._written or [FRESH] * len(ledger.steps)
        return [
            (self._run, names[i], json.dumps(write_step(names[i], now, on_exit=i in handlers)))
            for i, (now, then) in enumerate(zip(ledger.steps, before, strict=True))
            if now is not then
        ]

    def _head(self, ledger: Ledger) -> tuple[Any, ...]:
        head = write_head(self.flow, ledger, self._clock())
        progress = head["progress"]
        return (
            *(str(ledger.phase), str(ledger.reason), ledger.message),
            *(ledger.started, ledger.finished),
            *(progress["completedSteps"], progress["totalSteps"]),
            *(json.dumps(head), self._seen, self._run),
        )

    def _row(
        self,
        step: str,
        attempt: Attempt,
        asked: Asked,
        *,
        phase: str = "Running",
        usage: Usage | None = None,
        ended: int | None = None,
    ) -> tuple[Any, ...]:
        return (
            *(self._run, step, attempt.number),
            next(iter(attempt.tasks), None),
            *(phase, str(attempt.cause) if phase == "Failed" else ""),
            *(str(attempt.reason), attempt.message, json.dumps(dict(attempt.exit_codes))),
            *(attempt.output, attempt.ref.name, attempt.created),
            self._clock() if ended else None,
            *((usage.peak_memory, usage.cpu_seconds) if usage is not None else (None, None)),
            *(asked.memory, asked.memory_request, asked.cpu, ended),
        )


def asked_for(job: Mapping[str, Any]) -> Asked:
    """What the main container of a Job asks for; nothing where it says nothing, or nonsense."""
    resources = main_container(job).get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    if not limits and not requests:
        return Asked()
    try:
        cpu = limits.get("cpu", requests.get("cpu"))
        return Asked(
            memory=_known(limits.get("memory")),
            memory_request=_known(requests.get("memory", limits.get("memory"))),
            cpu=None if cpu is None else to_millis(cpu),
        )
    except QuantityError:
        return Asked()


def _known(value: object) -> int | None:
    return None if value is None else to_bytes(value)


def _lines(status: Mapping[str, Any]) -> str:
    """A line a field and a line a step: good to read and to grep, and ten times faster to write
    than `indent`, which Python does not do in C."""
    fields = [
        f"{json.dumps(key)}: {json.dumps(value)}"
        for key, value in status.items()
        if key != "steps" and value is not None
    ]
    steps = ",\n".join(json.dumps(step) for step in status["steps"])
    return "{" + ",\n".join([*fields, f'"steps": [\n{steps}\n]']) + "}\n"
