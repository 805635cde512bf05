"""Logs of processes of this machine: files in the run's directory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jobflows.cli.logs.wanted import Wanted, head, write
from jobflows.local import read_tail
from jobflows.steering.machine import FOLLOW_SECONDS, LocalRuns

if TYPE_CHECKING:
    from jobflows.local import AttemptInfo, StoredRun

CHUNK = 1 << 20


async def print_logs(place: LocalRuns, wanted: Wanted, *, follow: bool) -> None:
    """Print what is there, and with `follow` what is to come."""
    run = place.stored(wanted.flow)
    if follow:
        await _follow(run, wanted)
        return
    newest: dict[int | None, AttemptInfo] = {}
    for each in _attempts(run, wanted):
        newest[each.task] = each
    wanted.check_number(len(newest))
    files = [(each, log) for each in newest.values() for log in _files(run, each, wanted)]
    if not files:
        raise wanted.nothing("has not begun")
    for each, log in files:
        if len(files) > 1:
            head(_title(each, log))
        if wanted.tail is None:
            for chunk in _chunks(log, 0):
                write(chunk)
        elif wanted.tail and (text := read_tail(log, lines=wanted.tail)):
            write(text.encode() + b"\n")


async def _follow(run: StoredRun, wanted: Wanted) -> None:
    """What the newest attempt writes, then the next one's, until the step is done."""
    read: dict[Path, int] = {}
    seen: int | None = None
    while True:
        is_running = run.is_running  # asked first: what it wrote in the end is read after
        attempts = _attempts(run, wanted)
        newest = attempts[-1] if attempts else None
        is_over = newest is None or newest.finished is not None
        if newest is not None:
            if seen not in (None, newest.attempt):
                head(f"attempt {newest.attempt}")
            for log in _files(run, newest, wanted):
                start = read.get(log, _start(log, wanted) if seen is None else 0)
                for chunk in _chunks(log, start):
                    write(chunk)
                    start += len(chunk)
                read[log] = start
            seen = newest.attempt
        if is_over and (not is_running or (newest is not None and _is_done(run, wanted))):
            if seen is None:
                raise wanted.nothing("has not begun")
            return
        await asyncio.sleep(FOLLOW_SECONDS)


def _is_done(run: StoredRun, wanted: Wanted) -> bool:
    """Whether no attempt is to come that is wanted."""
    if wanted.attempt is not None:
        return True
    flow = run.flow()
    record = run.ledger(flow).steps[flow.graph.index[wanted.step]]
    if wanted.task is None or record.tasks is None:
        return record.phase.terminal
    return wanted.task in record.tasks.final


def _attempts(run: StoredRun, wanted: Wanted) -> list[AttemptInfo]:
    found = run.attempts(wanted.step, wanted.task)
    return [each for each in found if wanted.attempt in (None, each.attempt)]


def _files(run: StoredRun, attempt: AttemptInfo, wanted: Wanted) -> list[Path]:
    """The log of the container that is asked for; where there are several pods, that of each."""
    found = run.logs(attempt.step, attempt.attempt, container=wanted.container)
    if wanted.container is None and found:
        found = [log for log in found if log.name == found[0].name]
    return found


def _title(attempt: AttemptInfo, log: Path) -> str:
    if attempt.task is not None:
        return f"task {attempt.task}"
    return str(log.relative_to(attempt.log))


def _start(log: Path, wanted: Wanted) -> int:
    """Where to begin in a log that is there already."""
    if wanted.tail is None:
        return 0
    text = read_tail(log, lines=wanted.tail) if wanted.tail else ""
    return max(0, log.stat().st_size - len(text.encode()) - (1 if text else 0))


def _chunks(log: Path, start: int) -> Iterator[bytes]:
    with log.open("rb") as file:
        file.seek(start)
        while chunk := file.read(CHUNK):
            yield chunk
