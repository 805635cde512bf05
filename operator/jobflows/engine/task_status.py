"""The tasks of an array as they stand in the status, and back: ranges of indexes, few words.

Ranges are for people, and short while neighbours fare alike. Where they do not, 100,000 tasks would
take 600 kB; nobody reads that, so such a set is written as its bits, of which task 0 is the lowest.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from jobflows.engine.growth import UNGROWN, Grown
from jobflows.engine.indexes import IndexSet
from jobflows.engine.ledger import UNSPENT, Spent
from jobflows.engine.tasks import History, Tasks
from jobflows.engine.times import parse_rfc3339, rfc3339

LEGIBLE = 1000
"""Characters of ranges up to which a set is never written in bits."""

BITS = "base64:"


def write_tasks(tasks: Tasks) -> dict[str, Any]:
    """What `read_tasks` needs, and a summary for people."""
    written: dict[str, Any] = {
        "total": tasks.total,
        "summary": f"{len(tasks.final)}/{tasks.total}",
    }
    for name in ("succeeded", "failed", "skipped"):
        members: IndexSet = getattr(tasks, name)
        if members:
            written[name] = write_indexes(members)
    if tasks.batches:
        written["running"] = [
            {"attempt": number, "tasks": write_indexes(members)}
            for number, members in tasks.batches.items()
        ]
    if tasks.histories:
        written["retried"] = [
            {"tasks": write_indexes(members), **_write_history(history)}
            for history, members in tasks.histories.items()
        ]
    return written


def read_tasks(written: Mapping[str, Any]) -> Tasks:
    """Rebuild the tasks from a status."""
    return Tasks(
        total=written["total"],
        succeeded=read_indexes(written.get("succeeded", "")),
        failed=read_indexes(written.get("failed", "")),
        skipped=read_indexes(written.get("skipped", "")),
        batches={
            batch["attempt"]: read_indexes(batch["tasks"]) for batch in written.get("running") or ()
        },
        histories={
            _read_history(entry): read_indexes(entry["tasks"])
            for entry in written.get("retried") or ()
        },
    )


def write_indexes(members: IndexSet) -> str:
    """A set as ranges, or as bits where these are shorter."""
    ranges = str(members)
    bits = 4 * (members.bits.bit_length() // 24 + 1) + len(BITS)
    if len(ranges) <= max(LEGIBLE, bits):
        return ranges
    size = members.bits.bit_length() // 8 + 1
    return BITS + b64encode(members.bits.to_bytes(size, "little")).decode()


def read_indexes(text: str) -> IndexSet:
    """The inverse of `write_indexes`; ValueError for what it cannot have written."""
    if not text.startswith(BITS):
        return IndexSet.parse(text)
    return IndexSet(int.from_bytes(b64decode(text.removeprefix(BITS), validate=True), "little"))


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
    if entry.keys().isdisjoint(_WRITTEN):  # most steps, and there may be 10,000 of them
        return UNSPENT
    return Spent(**{field: entry.get(name, 0) for name, field in _COUNTS})


_COUNTS = (
    ("retryCount", "retries"),
    ("outOfMemoryCount", "out_of_memory"),
    ("timeoutCount", "timeouts"),
    ("lostCount", "losses"),
)
_WRITTEN = frozenset(name for name, _ in _COUNTS)
