"""The tasks of an array as they stand in the status, and back: ranges of indexes, few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobflows.engine.growth import UNGROWN, Grown
from jobflows.engine.indexes import IndexSet
from jobflows.engine.ledger import Spent
from jobflows.engine.tasks import History, Tasks
from jobflows.engine.times import parse_rfc3339, rfc3339


def write_tasks(tasks: Tasks) -> dict[str, Any]:
    """What `read_tasks` needs, and a summary for people."""
    written: dict[str, Any] = {
        "total": tasks.total,
        "summary": f"{len(tasks.final)}/{tasks.total}",
    }
    for name in ("succeeded", "failed", "skipped"):
        members: IndexSet = getattr(tasks, name)
        if members:
            written[name] = str(members)
    if tasks.batches:
        written["running"] = [
            {"attempt": number, "tasks": str(members)} for number, members in tasks.batches.items()
        ]
    if tasks.histories:
        written["retried"] = [
            {"tasks": str(members), **_write_history(history)}
            for history, members in tasks.histories.items()
        ]
    return written


def read_tasks(written: Mapping[str, Any]) -> Tasks:
    """Rebuild the tasks from a status."""
    return Tasks(
        total=written["total"],
        succeeded=IndexSet.parse(written.get("succeeded", "")),
        failed=IndexSet.parse(written.get("failed", "")),
        skipped=IndexSet.parse(written.get("skipped", "")),
        batches={
            batch["attempt"]: IndexSet.parse(batch["tasks"])
            for batch in written.get("running") or ()
        },
        histories={
            _read_history(entry): IndexSet.parse(entry["tasks"])
            for entry in written.get("retried") or ()
        },
    )


def _write_history(history: History) -> dict[str, Any]:
    written = write_spent(history.spent)
    if history.resources != UNGROWN:
        written["resources"] = history.resources.document()
    if history.retry_at is not None:
        written["nextRetryTime"] = rfc3339(history.retry_at)
    return written


def _read_history(entry: Mapping[str, Any]) -> History:
    return History(
        spent=read_spent(entry),
        resources=Grown.read(entry.get("resources") or {}),
        retry_at=parse_rfc3339(entry.get("nextRetryTime")),
    )


def write_spent(spent: Spent) -> dict[str, Any]:
    """What failures have cost, a field for each budget; nothing for a budget that is whole."""
    return {name: count for name, field in _COUNTS if (count := getattr(spent, field))}


def read_spent(entry: Mapping[str, Any]) -> Spent:
    """The inverse of `write_spent`."""
    return Spent(**{field: entry.get(name, 0) for name, field in _COUNTS})


_COUNTS = (
    ("retryCount", "retries"),
    ("outOfMemoryCount", "out_of_memory"),
    ("timeoutCount", "timeouts"),
    ("lostCount", "losses"),
)
