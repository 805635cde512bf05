"""Runs the cells: a fresh interpreter for each, all methods in turn, round after round."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.chunking.methods import Method
from bench.chunking.verdicts import Cell, Measured
from bench.chunking.workloads import Workload

TEST = Path(__file__).resolve().parents[2]
HANGS = 300
"""Seconds after which a cell is ended, with all its processes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one run; `rate` is iterations a second."""

    rounds: int
    scale: float
    cores: int
    rate: float
    nice: int = 0


class CellFailed(Exception):  # noqa: N818 - an outcome, not a fault of the bench
    """A method raised, hung, or gave wrong results."""


def run_rounds(
    workloads: Sequence[Workload], methods: Sequence[Method], settings: Settings
) -> list[Measured]:
    """All cells. A method that fails on a workload is not tried on it again."""
    cells: dict[str, dict[str, list[Cell]]] = {workload.name: {} for workload in workloads}
    failures: dict[str, dict[str, str]] = {workload.name: {} for workload in workloads}
    for number in range(settings.rounds):
        for workload in workloads:
            apt = [method for method in methods if workload.kind in method.kinds]
            shift = number % len(apt) if apt else 0
            for method in apt[shift:] + apt[:shift]:
                if method.name in failures[workload.name]:
                    continue
                try:
                    cell = run_cell(workload, method, settings)
                except CellFailed as failed:
                    failures[workload.name][method.name] = str(failed)
                    print(f"{workload.name} {method.name} FAILED: {failed}", file=sys.stderr)
                    continue
                cells[workload.name].setdefault(method.name, []).append(cell)
                noise = f", others {cell.others:.0%}" if cell.others else ""
                where = f"round {number + 1}: {workload.name} {method.name}"
                print(f"{where} {cell.seconds:.4f} s{noise}", file=sys.stderr)
    return [
        Measured(
            workload,
            workload.longest_share(workload.items(settings.rate, settings.scale)),
            settings.cores,
            cells[workload.name],
            failures[workload.name],
        )
        for workload in workloads
    ]


def run_cell(workload: Workload, method: Method, settings: Settings) -> Cell:
    """One cell. Raises `CellFailed`."""
    command = [sys.executable, "-m", "bench.chunking.cell", workload.name, method.name]
    command += ["--rate", str(settings.rate), "--scale", str(settings.scale)]
    command += ["--cores", str(settings.cores), "--nice", str(settings.nice)]
    with subprocess.Popen(
        command,
        cwd=TEST,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=HANGS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise CellFailed(f"still running after {HANGS} s") from None
    if process.returncode:
        raise CellFailed(err.strip() or f"exit code {process.returncode}")
    return Cell(**json.loads(out.splitlines()[-1]))
