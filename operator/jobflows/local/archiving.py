"""Runs of this machine are taken into an archive, when there is one.

An archive is kept once somebody has made it (`jobflow archive init`, or $JOBFLOW_ARCHIVE): without
one nothing of this is imported, and a run costs what it did. What is written is read from the store
of runs, in batches, so nothing has to be remembered in between: a run that nobody could record is
taken in with the next one. Trouble with the archive fails no run; it is told as words.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobflows.api.model import CREATED_BY
from jobflows.local.home import data_home
from jobflows.local.store import Store
from jobflows.local.stored_run import AttemptInfo, RunInfo, StoredRun

if TYPE_CHECKING:
    from jobflows.archive import Archive, AttemptFact, Fact, KindOf
    from jobflows.engine import Ledger

FILE = "archive.db"

VARIABLE = "JOBFLOW_ARCHIVE"
"""Says where the archive is, as the address of a database."""

LOG_BYTES = 16_384
"""How much of a log's end is read; what is kept of it is less."""

PAUSE = 30.0
"""Seconds between two writes while a run goes on, at least."""

SHARE = 0.02
"""Part of the run's time that they may take."""

AT_ONCE = 500
"""Runs that are looked up together."""


def archive_url(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """Where the archive of this machine is, or would be."""
    return environ.get(VARIABLE) or f"sqlite:///{(home or data_home(environ)) / FILE}"


def is_archived(home: Path, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody wants runs in an archive."""
    return bool(environ.get(VARIABLE)) or (home / FILE).exists()


@dataclass(slots=True)
class Recording:
    """What became of recording a run; `problem` is why it failed, in words."""

    problem: str = ""


@asynccontextmanager
async def recording(
    home: Path, environ: Mapping[str, str] = os.environ
) -> AsyncIterator[Recording]:
    """Take in what happens every now and then, and in the end; the event loop never waits."""
    made = Recording()
    if not is_archived(home, environ):
        yield made
        return
    task = asyncio.create_task(_again_and_again(home, environ))
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        made.problem = await asyncio.to_thread(record, home, environ)


async def _again_and_again(home: Path, environ: Mapping[str, str]) -> None:
    pause = PAUSE
    while True:
        await asyncio.sleep(pause)
        began = time.perf_counter()
        await asyncio.to_thread(record, home, environ)
        pause = max(PAUSE, (time.perf_counter() - began) / SHARE)


def record(home: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Take in what has happened, if there is an archive. Returns what went wrong, in words."""
    if not is_archived(home, environ):
        return ""
    try:
        from jobflows.archive import Archive, ArchiveError  # noqa: PLC0415 - see the docstring
    except ImportError:
        return "the archive is not written: pip install 'jobflows[archive]'"
    try:
        with Archive.open(archive_url(home, environ)) as archive:
            catch_up(archive, home)
    except ArchiveError as error:
        return str(error)
    return ""


def catch_up(archive: Archive, home: Path | None = None) -> int:
    """Take in the runs of which the store knows more than the archive. Returns how many.

    Raises `ArchiveError` and `StoreError`.
    """
    with Store.open(home) as store:
        found = store.runs()
        taken = 0
        for start in range(0, len(found), AT_ONCE):
            some = [(run, run.info) for run in found[start : start + AT_ONCE]]
            known = _known(archive, [info.id for _, info in some])
            for run, info in reversed(some):
                before = known.get(info.id, -1)
                if _version(run, info) > before:
                    archive.write(facts_of(run, info, before))
                    taken += 1
        return taken


def _known(archive: Archive, ids: Sequence[str]) -> dict[str, int]:
    from jobflows.archive.flow_queries import versions  # noqa: PLC0415 - see the docstring

    with archive.reading() as connection:
        return versions(connection, ids)


def _version(run: StoredRun, info: RunInfo) -> int:
    """The last moment at which something happened, in microseconds: it grows with what is known."""
    moments = (info.created, info.started, info.finished, run.last_end)
    return _micros(max(moment for moment in moments if moment is not None))


def _micros(moment: float) -> int:
    return int(moment * 1_000_000)


def facts_of(
    run: StoredRun,
    info: RunInfo,
    before: int,
    version: int | None = None,
    *,
    is_described: bool = False,
) -> Iterator[Fact]:
    """What is known of a run; of attempts that have ended those that did after `before`.

    Without a `version` it is the last moment at which something had ended. What `is_described` has
    its document in the archive, and no other since.
    """
    from jobflows.archive import LOCAL  # noqa: PLC0415 - see the docstring
    from jobflows.archive.deriving import Identity, flow_fact, kinds_of  # noqa: PLC0415 - the same

    flow, document = run.flow(), run.document()
    ledger = run.ledger(flow)
    who = Identity(
        id=info.id,
        origin=LOCAL,
        namespace="",
        name=info.name,
        family=info.flow,
        created=info.created,
        version=_version(run, info) if version is None else version,
        created_by=(document["metadata"].get("annotations") or {}).get(CREATED_BY, ""),
    )
    yield flow_fact(flow, ledger, who, None if is_described else document)
    kinds = kinds_of(flow, who)
    for each in run.attempts():
        if each.step in kinds and _micros(each.finished or who.version / 1e6) >= before:
            yield _attempt(run, info, each, kind=kinds[each.step], ledger=ledger, now=who.version)


def _attempt(
    run: StoredRun, info: RunInfo, each: AttemptInfo, *, kind: KindOf, ledger: Ledger, now: int
) -> AttemptFact:
    from jobflows.archive import NO_TASK, AttemptFact, Known  # noqa: PLC0415 - see above

    known = {"Running": Known.RUNNING, "Lost": Known.LOST}.get(each.phase, Known.POD_AND_LOG)
    is_of_this_run = ledger.started is None or each.started >= ledger.started
    return AttemptFact(
        flow_id=info.id,
        step=each.step,
        attempt=each.attempt,
        task=NO_TASK if each.task is None else each.task,
        kind=kind,
        version=known.at(now if each.finished is None else _micros(each.finished)),
        run=ledger.resume.run if is_of_this_run else max(1, ledger.resume.run - 1),
        phase=each.phase,
        cause=each.cause,
        reason=each.reason,
        message=each.message,
        exit_code=each.exit_code,
        started=each.started,
        finished=each.finished,
        node=info.host,
        memory=each.memory,
        memory_request=each.memory_request,
        cpu=each.cpu,
        peak_memory=each.peak_memory,
        cpu_seconds=each.cpu_seconds,
        measured_by=each.measured_by,
        log_tail=_tail(run, each) if each.phase == "Failed" else None,
    )


def _tail(run: StoredRun, each: AttemptInfo) -> str | None:
    from jobflows.archive.words import tail  # noqa: PLC0415 - see the docstring

    for file in run.logs(each.step, each.attempt)[:1]:
        try:
            with file.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES))
                return tail(log.read())
        except OSError:  # somebody has tidied up
            return None
    return None
