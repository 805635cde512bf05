"""What a map step has measured: read from termination messages, added up over its tasks.

`jobflow map` ends with one JSON object, `{"map": {…}}`. What cannot be read is left out: a summary
that is missing or spoilt fails nothing. Times are seconds, memory is bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

NAMED_ITEMS = 10
"""Failed items that are remembered by their index."""

ERROR_LENGTH = 200


@dataclass(frozen=True, slots=True)
class FailedItem:
    """An item whose function failed; `index` counts in the whole of the step's items."""

    index: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The summaries of `tasks` tasks as one.

    `done`, `failed` and `skipped` (done by an attempt before) add up to `items`. `workers` and
    `peak_memory` are those of the largest task. `seconds` are the tasks' own, added up;
    `item_seconds` is the mean time in the function. `speedup` is how many items ran at once on
    average, `efficiency` that by workers. `cpus` and `memory` are the limits that were detected.
    """

    tasks: int = 1
    items: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    workers: int = 0
    claim_items: float = 0.0
    seconds: float = 0.0
    item_seconds: float = 0.0
    cpu_seconds: float = 0.0
    speedup: float = 0.0
    predicted_speedup: float = 0.0
    efficiency: float = 0.0
    peak_memory: int = 0
    deaths: int = 0
    cpus: float = 0.0
    memory: int = 0
    failed_items: tuple[FailedItem, ...] = ()

    @property
    def ran(self) -> int:
        """Items whose function was called."""
        return self.done + self.failed

    def plus(self, other: Measured) -> Measured:
        """Both as one."""
        return Measured(
            tasks=self.tasks + other.tasks,
            items=self.items + other.items,
            done=self.done + other.done,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
            workers=max(self.workers, other.workers),
            claim_items=_mean(self.claim_items, self.ran, other.claim_items, other.ran),
            seconds=_short(self.seconds + other.seconds),
            item_seconds=_mean(self.item_seconds, self.ran, other.item_seconds, other.ran),
            cpu_seconds=_short(self.cpu_seconds + other.cpu_seconds),
            speedup=_mean(self.speedup, self.seconds, other.speedup, other.seconds),
            predicted_speedup=_mean(
                self.predicted_speedup, self.seconds, other.predicted_speedup, other.seconds
            ),
            efficiency=_mean(self.efficiency, self.seconds, other.efficiency, other.seconds),
            peak_memory=max(self.peak_memory, other.peak_memory),
            deaths=self.deaths + other.deaths,
            cpus=self.cpus or other.cpus,
            memory=self.memory or other.memory,
            failed_items=tuple(
                sorted((*self.failed_items, *other.failed_items), key=lambda item: item.index)
            )[:NAMED_ITEMS],
        )

    def document(self) -> dict[str, Any]:
        """As the status has it; what is zero goes without saying, but for the counts."""
        limits = {"cpus": self.cpus, "memory": self.memory}
        shown: dict[str, Any] = {
            name: value
            for name, attribute in _NUMBERS
            if (value := getattr(self, attribute)) or name in ("items", "done")
        }
        if any(limits.values()):
            shown["limits"] = {name: value for name, value in limits.items() if value}
        if self.failed_items:
            shown["failedItems"] = [
                {"index": item.index, "error": item.error} for item in self.failed_items
            ]
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRecord:
    """What is decided about a map step, and what it measured so far.

    `per_task` is how many items a task has, and stays for as long as any of them counts: another
    number would make other tasks of the same indexes. 0 when nobody cut them.
    """

    function: str
    per_task: int = 0
    reason: str = ""
    measured: Measured | None = None

    def with_task(self, output: str | None) -> MapRecord:
        """The record after a task has ended with this termination message."""
        found = read_measured(output)
        if found is None:
            return self
        return replace(self, measured=found if self.measured is None else self.measured.plus(found))


def read_measured(output: str | None) -> Measured | None:
    """The summary in a termination message; None without one."""
    try:
        document = json.loads(output or "")
    except (ValueError, RecursionError):
        return None
    found = document.get("map") if isinstance(document, dict) else None
    return read_document(found) if isinstance(found, dict) else None


def read_document(found: Mapping[str, Any]) -> Measured:
    """A summary as `jobflow map` or a status writes it; of what makes no sense, nothing."""
    limits = found.get("limits")
    limits = limits if isinstance(limits, Mapping) else {}
    fields: dict[str, Any] = {attribute: _number(found.get(n)) for n, attribute in _NUMBERS}
    for attribute, value in fields.items():
        fields[attribute] = int(value) if attribute in _WHOLE else _short(value)
    fields["tasks"] = fields["tasks"] or 1
    items = found.get("failedItems")
    return Measured(
        **fields,
        cpus=_short(_number(limits.get("cpus"))),
        memory=int(_number(limits.get("memory"))),
        failed_items=tuple(_failed_items(items if isinstance(items, list) else [])),
    )


def write_map(record: MapRecord) -> dict[str, Any]:
    """The record as the status has it."""
    written: dict[str, Any] = {"function": record.function}
    if record.per_task:
        written |= {"itemsPerTask": record.per_task, "reason": record.reason}
    return written | (record.measured.document() if record.measured is not None else {})


def read_map(written: Mapping[str, Any]) -> MapRecord:
    """The inverse of `write_map`."""
    return MapRecord(
        function=written.get("function", ""),
        per_task=int(_number(written.get("itemsPerTask"))),
        reason=written.get("reason", ""),
        measured=read_document(written) if "items" in written else None,
    )


def _failed_items(items: list[Any]) -> list[FailedItem]:
    known = [
        item for item in items if isinstance(item, dict) and isinstance(item.get("index"), int)
    ]
    return [
        FailedItem(item["index"], str(item.get("error", ""))[:ERROR_LENGTH])
        for item in known[:NAMED_ITEMS]
    ]


def _number(value: Any) -> float:
    """A finite number that is not negative; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if math.isfinite(value) and 0 <= value < 2**63 else 0.0


def _short(value: float) -> float:
    """Six digits, more than is ever known; so a status read back is the same to the last one."""
    return float(f"{value:.6g}")


def _mean(one: float, weight: float, other: float, other_weight: float) -> float:
    total = weight + other_weight
    return _short((one * weight + other * other_weight) / total) if total else max(one, other)


_NUMBERS = (
    ("tasks", "tasks"),
    ("items", "items"),
    ("done", "done"),
    ("failed", "failed"),
    ("skipped", "skipped"),
    ("workers", "workers"),
    ("claimItems", "claim_items"),
    ("seconds", "seconds"),
    ("itemSeconds", "item_seconds"),
    ("cpuSeconds", "cpu_seconds"),
    ("speedup", "speedup"),
    ("predictedSpeedup", "predicted_speedup"),
    ("efficiency", "efficiency"),
    ("peakMemory", "peak_memory"),
    ("deaths", "deaths"),
)
_WHOLE = ("tasks", "items", "done", "failed", "skipped", "workers", "peak_memory", "deaths")
