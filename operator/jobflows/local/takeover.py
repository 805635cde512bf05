"""A new runner for a run that has had one: what it finds, and what it makes of it.

The store has the ledger, a little late, and the ends of all attempts, in time. What the ledger has
not seen is shown to it as if it ended now. What was running died with its runner: the guard saw to
that, and if the guard was killed as well, what is left is found by its mark.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobflows.api.resume import ResumeError, ResumeRequest
from jobflows.engine import (
    Attempt,
    AttemptRef,
    AttemptState,
    Cause,
    CompiledFlow,
    FlowPhase,
    Ledger,
)
from jobflows.engine.indexes import EMPTY, IndexSet
from jobflows.engine.rerun import choose
from jobflows.local.errors import BusyError, NothingToResumeError, ResumeRefusedError
from jobflows.local.guard import kill_marked
from jobflows.local.lock import RunLock
from jobflows.local.store import Store
from jobflows.local.stored_run import StoredRun

GUARD_PATIENCE = 10.0
"""Seconds that the guard of a dead runner may take to clean up after it."""

GLANCE = 0.2
"""Seconds for which somebody may hold a lock who only looks at it."""

_ENDS = (
    "SELECT step, attempt, task, phase, cause, reason, message, exit_codes, output, job, started,"
    " finished FROM attempts WHERE run = ? AND ended > (SELECT seen FROM runs WHERE number = ?)"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants to be run again."""

    from_: Sequence[str] = ()
    succeeded: Sequence[str] = ()
    cold: bool = False

    def request(self) -> ResumeRequest:
        """The same, as the annotation has it."""
        return ResumeRequest.model_validate(
            {
                "id": uuid.uuid4().hex,
                "mode": "cold" if self.cold else "hot",
                "from": list(self.from_),
                "set": dict.fromkeys(self.succeeded, "Succeeded"),
            }
        )


def take_lock(run: StoredRun) -> RunLock:
    """The lock of a run. Raises `BusyError` when somebody runs it."""
    info = run.info
    lock = run.lock
    alive = info.host == socket.gethostname() and info.pid is not None and is_alive(info.pid)
    end = time.monotonic() + (GLANCE if alive else GUARD_PATIENCE)
    while not lock.take():
        if time.monotonic() > end:
            raise BusyError(info.name, info.pid, info.host)
        time.sleep(0.02)
    kill_marked(info.id)
    return lock


def ends_not_seen(store: Store, run: StoredRun) -> list[tuple[str, Attempt]]:
    """Attempts, each with its step, whose ends are known and not in the ledger."""
    found = []
    for row in store.connection.execute(_ENDS, (run.number, run.number)):
        step, number, task, phase, cause, reason, message, codes, output, job, began, ended = row
        attempt = Attempt(
            number=number,
            state=AttemptState(phase),
            ref=AttemptRef(job),
            created=began,
            finished=ended,
            cause=Cause(cause) if cause else Cause.APPLICATION,
            reason=reason,
            message=message,
            exit_codes=json.loads(codes),
            output=output,
            tasks=EMPTY if task is None else IndexSet.of([task]),
        )
        found.append((step, attempt))
    return found


def by_step(flow: CompiledFlow, ends: Iterable[tuple[str, Attempt]]) -> dict[int, list[Attempt]]:
    """The same by the index of the step, oldest first; steps that are gone are left out."""
    found: dict[int, list[Attempt]] = defaultdict(list)
    for step, attempt in ends:
        if step in flow.graph.index:
            found[flow.graph.index[step]].append(attempt)
    return {i: sorted(attempts, key=lambda a: a.number) for i, attempts in found.items()}


def request_for(
    name: str, flow: CompiledFlow, ledger: Ledger, wish: Wish
) -> Mapping[str, Any] | None:
    """The request to resume, checked; None when the run only has to go on.

    Raises `ResumeRefusedError`, or `NothingToResumeError` for a run that has succeeded.
    """
    request = wish.request()
    try:
        choose(flow, ledger, request)
    except ResumeError as error:
        if wish.from_ or wish.succeeded:
            raise ResumeRefusedError(f"run {name}: {error}") from None
        if ledger.phase is FlowPhase.SUCCEEDED:
            words = f"run {name} succeeded; name steps to run again with --from"
            raise NothingToResumeError(words) from None
        if ledger.phase.terminal:
            raise ResumeRefusedError(f"run {name}: {error}") from None
        return None
    return request.model_dump(by_alias=True, mode="json")


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended, and that nobody has asked about yet, does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's, or a system without /proc
        return True
    return state not in "ZX"
