"""What functions of map steps have measured in earlier runs on this machine.

Each run leaves its ledger in `status.json`; the newest runs are looked through, and only for a flow
whose maps are cut by what is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from heapq import nlargest
from pathlib import Path
from typing import Any

from jobflows.engine import CompiledFlow
from jobflows.engine.mapping import Measured, read_map
from jobflows.local.journal import EXPORT

MOST_RUNS = 20
"""Runs that are looked through, the newest ones."""


def earlier_measures(flow: CompiledFlow, runs: Path) -> dict[str, Measured]:
    """What the functions of `flow` measured in the runs below the directory `runs`."""
    maps = [flow.steps[i].spec.map for i in flow.maps]
    wanted = {m.function for m in maps if m is not None and m.is_cut and m.items_per_task == "auto"}
    found: dict[str, Measured] = {}
    for file in _newest(runs) if wanted else ():
        for step in _steps(file):
            record = read_map(step.get("map") or {})
            if record.function in wanted - found.keys() and record.measured is not None:
                found[record.function] = record.measured
    return found


def _newest(runs: Path) -> list[Path]:
    dated = []
    for file in _listed(runs):
        try:
            dated.append((file.stat().st_mtime, file))
        except OSError:  # the run has not written it yet, or is being removed
            continue
    return [file for _, file in nlargest(MOST_RUNS, dated)]


def _listed(runs: Path) -> Iterable[Path]:
    try:
        return [directory / EXPORT for directory in runs.iterdir()]
    except OSError:
        return []


def _steps(file: Path) -> list[dict[str, Any]]:
    try:
        status = json.loads(file.read_bytes())
        return [step for step in status["steps"] if isinstance(step, dict)]
    except (OSError, ValueError, KeyError, TypeError):  # somebody else's, or cut short
        return []
