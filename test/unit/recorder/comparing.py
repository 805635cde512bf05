"""Ledgers against the archive: what one has and the other has not, in words.

A ledger is a JobFlow with its status, as it was last stored. The Jobs that were ever made are known
by (flow, step, attempt): each is an attempt, and there are no others.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from jobflows.archive import (
    NO_TASK,
    Archive,
    AttemptFilter,
    AttemptInfo,
    StepInfo,
    attempts,
    flow,
    runs,
    steps,
)
from jobflows.archive.models import Flow
from jobflows.engine.indexes import IndexSet
from jobflows.engine.task_status import read_indexes
from jobflows.engine.times import parse_rfc3339

Object = dict[str, Any]
Made = Collection[tuple[str, str, int]]

_COUNTS = {
    "retries": "retryCount",
    "out_of_memory": "outOfMemoryCount",
    "timeouts": "timeoutCount",
    "losses": "lostCount",
}


def differences(ledgers: Iterable[Object], made: Made, archive: Archive) -> list[str]:
    """All that is not the same; nothing when the archive is what the ledgers are."""
    jobs: dict[str, set[tuple[str, int]]] = {}
    for name, step, number in made:
        jobs.setdefault(name, set()).add((step, number))
    found, ledgers = [], [*ledgers]
    with archive.reading() as connection:
        for ledger in ledgers:
            name = ledger["metadata"]["name"]
            told = _of_flow(connection, ledger, jobs.get(name, set()))
            found += [f"{name}: {words}" for words in told]
        rows = connection.execute(select(func.count()).select_from(Flow)).scalar_one()
    if rows != len(ledgers):
        found.append(f"{rows} flows in the archive, {len(ledgers)} ledgers")
    return found


def _of_flow(connection: Connection, ledger: Object, made: set[tuple[str, int]]) -> Iterator[str]:
    meta, status = ledger["metadata"], ledger["status"]
    kept = flow(connection, meta["uid"])
    if kept is None:
        yield "is missing"
        return
    run = (status.get("resume") or {}).get("run") or 1
    stands = {
        "phase": status["phase"],
        "run": run,
        "started": parse_rfc3339(status.get("startTime")),
        "finished": parse_rfc3339(status.get("completionTime")),
    }
    yield from _unlike("flow", {key: getattr(kept, key) for key in stands}, stands)
    numbers = [each.run for each in runs(connection, kept.id)]
    yield from _unlike("runs", {"numbers": numbers}, {"numbers": [*range(run, 0, -1)]})
    tried = attempts(connection, AttemptFilter(flow_id=kept.id), limit=10_000).items
    numbered = {(each.step, each.attempt) for each in tried}
    yield from _unlike("attempts", {"made": numbered}, {"made": made})
    archived = {each.step: each for each in steps(connection, kept.id)}
    told = {each["name"]: each for each in status["steps"]}
    yield from _unlike("steps", {"names": archived.keys()}, {"names": told.keys()})
    for name in archived.keys() & told.keys():
        own = [each for each in tried if each.step == name]
        for words in _of_step(told[name], archived[name], own):
            yield f"{name}: {words}"


def _of_step(told: Object, kept: StepInfo, tried: list[AttemptInfo]) -> Iterator[str]:
    stands = {
        "phase": told["phase"],
        "message": told.get("message", ""),
        "attempts": told.get("attempt", 0),
        "started": parse_rfc3339(told.get("startTime")),
        "finished": parse_rfc3339(told.get("completionTime")),
        "outputs": json.dumps(told.get("outputs") or {}),
        **{name: told.get(field, 0) for name, field in _COUNTS.items()},
    }
    yield from _unlike("step", {key: getattr(kept, key) for key in stands}, stands)
    yield from (
        f"attempt {each.attempt} of task {each.task} is {each.phase}"
        for each in tried
        if each.phase not in ("Succeeded", "Failed")
    )
    if "tasks" in told:
        yield from _of_tasks(told["tasks"], tried)
        return
    failures = {
        each["attempt"]: (each["cause"], each.get("exitCode"))
        for each in told.get("failures") or ()
    }
    failed = {each.attempt: (each.cause, each.exit_code) for each in tried if each.error_id}
    yield from _unlike("failures", failed, failures)


def _of_tasks(told: Object, tried: list[AttemptInfo]) -> Iterator[str]:
    """Each task stands as its newest attempt went, and each attempt is of a task."""
    newest: dict[int, AttemptInfo] = {}
    for each in tried:  # by number
        newest[each.task] = each
    if NO_TASK in newest:
        yield f"attempt {newest[NO_TASK].attempt} is of no task"
    for phase, field in (("Succeeded", "succeeded"), ("Failed", "failed")):
        kept = IndexSet.of(task for task, each in newest.items() if each.phase == phase)
        wanted = read_indexes(told.get(field, ""))
        yield from _unlike("tasks", {field: str(kept)}, {field: str(wanted)})


def _unlike(what: str, kept: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> Iterator[str]:
    for key in [*wanted, *(each for each in kept if each not in wanted)]:
        if kept.get(key) != wanted.get(key):
            yield f"{what} {key}: archived {kept.get(key)!r}, is {wanted.get(key)!r}"
