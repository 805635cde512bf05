"""The tasks of an array as they stand in the status, and back: ranges of indexes, few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobflows.engine.indexes import IndexSet
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
    written: dict[str, Any] = {}
    if history.retries:
        written["retryCount"] = history.retries
    if history.losses:
        written["lostCount"] = history.losses
    if history.retry_at is not None:
        written["nextRetryTime"] = rfc3339(history.retry_at)
    return written


def _read_history(entry: Mapping[str, Any]) -> History:
    return History(
        retries=entry.get("retryCount", 0),
        losses=entry.get("lostCount", 0),
        retry_at=parse_rfc3339(entry.get("nextRetryTime")),
    )
