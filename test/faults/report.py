"""What came of it: tables for a terminal, JSON for programs, and the page with its list."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from faults.trial import Verdict

STYLES = {
    "held": "green",
    "not reached": "yellow",
    "skipped": "yellow",
    "known limit": "yellow",
    "FAILED": "bold red",
}


def progress(done: int, of: int, verdict: Verdict) -> None:
    """One line for each run, as it ends."""
    told = f"{verdict.where}: {verdict.fault}" if verdict.fault else verdict.where
    more = f"; {verdict.note}" if verdict.note else ""
    print(f"[{done}/{of}] {verdict.word}: {told} ({verdict.seconds:g} s{more})", file=sys.stderr)
    for what in verdict.wrong:
        print(f"    {what}", file=sys.stderr)
    sys.stderr.flush()


def show(points: Sequence[Verdict], cases: Sequence[Verdict]) -> None:
    """The points by call, the other faults each, and all that failed."""
    console = Console()
    if points:
        console.print(_counted("Faults by call", _by(points, "kind")))
        console.print(_counted("Faults by kind", _by(points, "fault")))
    if cases:
        table = Table("what breaks", "verdict", "seconds", "", title="Other faults")
        for verdict in cases:
            word = f"[{STYLES[verdict.word]}]{verdict.word}[/]"
            table.add_row(verdict.where, word, f"{verdict.seconds:g}", verdict.note)
        console.print(table)
    failed = [v for v in (*points, *cases) if v.wrong]
    for verdict in failed:
        word = f"[{STYLES[verdict.word]}]{verdict.word}[/]"
        console.print(f"{word} {verdict.where}: {verdict.fault}", highlight=False)
        for what in verdict.wrong:
            console.print(f"    {what}", markup=False, highlight=False)
        if verdict.kept:
            console.print(f"    its log: {verdict.kept}", markup=False, highlight=False)


def _counted(title: str, groups: dict[str, list[Verdict]]) -> Table:
    words = ("held", "not reached", "known limit", "FAILED")
    table = Table("", "runs", *words, title=title)
    for name, of in groups.items():
        said = [verdict.word for verdict in of]
        style = STYLES["FAILED"] if "FAILED" in said else None
        counts = [str(said.count(word)) for word in words]
        table.add_row(name or "none", str(len(of)), *counts, style=style)
    return table


def as_json(points: Sequence[Verdict], cases: Sequence[Verdict], facts: dict[str, Any]) -> str:
    """All of it."""
    listed = {
        name: [{**asdict(v), "verdict": v.word} for v in verdicts]
        for name, verdicts in (("points", points), ("cases", cases))
    }
    return json.dumps({**facts, **listed}, indent=1)


def write_list(points: Iterable[Verdict], path: Path) -> None:
    """Each point with its verdict, as CSV."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("place", "fault", "verdict", "note"))
        for verdict in points:
            rows.writerow((verdict.where, verdict.fault, verdict.word, verdict.note))


def _by(verdicts: Iterable[Verdict], attribute: str) -> dict[str, list[Verdict]]:
    found: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        found.setdefault(getattr(verdict, attribute), []).append(verdict)
    return found
