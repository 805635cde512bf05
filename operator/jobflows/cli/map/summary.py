"""What a run was: one JSON object for programs, a few lines for people.

The object is the termination message of a pod, of which Kubernetes keeps 4,096 bytes; the list of
failed items is cut until it fits. A program reads it with `outputs.parameters` of its step.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jobflows.calling.message import MOST_BYTES
from jobflows.chunking.machine.cgroups import cpu_quota, memory_limit
from jobflows.chunking.report import Report
from jobflows.measures import duration, size

MOST_FAILED = 50
"""Failed items that are remembered; each takes 40 bytes of the message at least."""
MOST_LETTERS = 160
"""Of the error of one item."""
SHOWN_FAILED = 5

Failed = Sequence[tuple[int, str]]


def summarize(report: Report, failed: Failed, halted: str = "") -> dict[str, Any]:
    """The summary of a run. `halted` names the signal that ended it."""
    total = report.items
    found: dict[str, Any] = {
        "items": report.done + report.skipped if total is None else total,
        "done": report.done - report.failed,
        "failed": report.failed,
        "skipped": report.skipped,
        "workers": report.workers,
        "executor": report.executor,
        "claimItems": _short(report.claim_items),
        "seconds": _short(report.seconds),
        "itemSeconds": _short(report.item_seconds / report.done if report.done else 0.0),
        "cpuSeconds": _short(report.cpu_seconds),
        "predictedSpeedup": _short(report.predicted_speedup),
        "speedup": _short(report.speedup),
        "efficiency": _short(report.efficiency),
        "peakMemory": report.peak_memory,
        "deaths": report.deaths,
        "limits": {"cpus": _short(cpu_quota()), "memory": memory_limit()},
    }
    if halted:
        found["halted"] = halted
    found["failedItems"] = [
        {"index": index, "error": _cut(error)} for index, error in failed[:MOST_FAILED]
    ]
    return {"map": found}


def to_message(summary: dict[str, Any]) -> bytes:
    """The summary as JSON, with as many failed items as fit."""
    listed = summary["map"]["failedItems"]
    for count in range(len(listed), -1, -1):
        cut = {"map": {**summary["map"], "failedItems": listed[:count]}}
        message = json.dumps(cut, ensure_ascii=False).encode("utf-8", "backslashreplace")
        if len(message) <= MOST_BYTES:
            return message
    raise AssertionError("a summary without items is a few hundred bytes")


def to_table(summary: dict[str, Any]) -> str:
    """The summary for people."""
    of = summary["map"]
    counts = [f"{of['done']:,} done"]
    if of["failed"]:
        counts.append(f"{of['failed']:,} failed")
    if of["skipped"]:
        counts.append(f"{of['skipped']:,} done before")
    rows = [("items", f"{of['items']:,}: {', '.join(counts)}"), ("time", duration(of["seconds"]))]
    if of["done"] + of["failed"]:
        took = f"speedup {of['speedup']:.2f}"
        if of["predictedSpeedup"] is not None:
            took += f" (predicted {of['predictedSpeedup']:.2f})"
        rows += [
            ("item", f"{_seconds(of['itemSeconds'])} on average"),
            ("workers", f"{of['workers']} ({of['executor']}), {of['claimItems']:g} items a claim"),
            ("gain", f"{took}, efficiency {of['efficiency']:.0%}"),
        ]
    if of["peakMemory"]:
        rows.append(("memory", f"{size(of['peakMemory'])} at most{_limit(of)}"))
    if of["deaths"]:
        rows.append(("deaths", f"{of['deaths']} of workers"))
    lines = [f"{name:8} {words}" for name, words in rows]
    listed = of["failedItems"]
    lines += [f"item {each['index']} failed: {each['error']}" for each in listed[:SHOWN_FAILED]]
    if of["failed"] > min(len(listed), SHOWN_FAILED):
        lines.append(f"… and {of['failed'] - min(len(listed), SHOWN_FAILED):,} more")
    return "\n".join(lines) + "\n"


def _limit(of: dict[str, Any]) -> str:
    memory = of["limits"]["memory"]
    return f", limit {size(memory)}" if memory else ""


def _seconds(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _short(number: float | None) -> float | None:
    """Four digits, which is more than is known."""
    return None if number is None else float(f"{number:.4g}")


def _cut(text: str) -> str:
    line = text.strip().replace("\n", " ")
    return line if len(line) <= MOST_LETTERS else line[: MOST_LETTERS - 1] + "…"
