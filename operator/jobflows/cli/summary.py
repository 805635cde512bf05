"""What is shown when a flow has ended: its steps, the logs of what failed, the outcome."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from jobflows.api.model import API_VERSION, KIND
from jobflows.cli.words import STYLES, measured_words, one_line, took, verdict
from jobflows.engine import (
    CompiledFlow,
    FlowPhase,
    Instant,
    Ledger,
    StepPhase,
    StepRecord,
)
from jobflows.local import Outcome, read_tail

MOST_ROWS = 200
"""Of a larger flow, only steps that did not succeed are listed, and no more than this."""

MOST_LOGS = 5
LOG_LINES = 10


def print_steps(
    console: Console, flow: CompiledFlow, ledger: Ledger, notes: Mapping[str, str]
) -> None:
    """The table of steps of a flow that has ended."""
    for part in steps_table(flow, ledger, notes, ledger.finished or 0.0):
        console.print(part)


def steps_table(
    flow: CompiledFlow, ledger: Ledger, notes: Mapping[str, str], now: Instant
) -> list[RenderableType]:
    """The table of steps, and how many are not in it. `notes` replaces messages by step."""
    rows = list(zip(flow.graph.names, ledger.steps, strict=True))
    if len(rows) > MOST_ROWS:
        rows = [row for row in rows if row[1].phase is not StepPhase.SUCCEEDED]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("STEP", "PHASE", "ATTEMPTS", "DURATION"):
        table.add_column(title, no_wrap=True, justify="right" if title == "ATTEMPTS" else "left")
    table.add_column("MESSAGE", overflow="fold")
    for name, record in rows[:MOST_ROWS]:
        message = notes.get(name) or one_line(record.message) or _outputs(record)
        phase = Text(str(record.phase), STYLES[record.phase])
        attempts = str(record.attempt) if record.attempt else ""
        table.add_row(name, phase, attempts, took(record, now), Text(message))
    parts: list[RenderableType] = [table] if table.row_count else []
    hidden = len(ledger.steps) - table.row_count
    if hidden:
        words = f"and {hidden} more steps" if table.row_count else f"{hidden} steps succeeded"
        parts.append(Text(words, "dim"))
    return parts


def print_logs(console: Console, flow: CompiledFlow, ledger: Ledger, workdir: Path) -> None:
    """The last lines of what failed steps have said."""
    failed = [
        (name, record)
        for name, record in zip(flow.graph.names, ledger.steps, strict=True)
        if record.phase is StepPhase.FAILED and record.attempt
    ]
    for name, record in failed[:MOST_LOGS]:
        for log in _logs(workdir, name, record):
            tail = read_tail(log, lines=LOG_LINES)
            if tail:
                console.print(Text(f"\n{log.relative_to(workdir)}:", "bold"))
                console.print(Text(tail))
    if len(failed) > MOST_LOGS:
        console.print(Text(f"\nand {len(failed) - MOST_LOGS} more failed steps", "dim"))


def print_outcome(console: Console, ledger: Ledger, workdir: Path) -> None:
    """The last line: the outcome, and where the logs are."""
    style = "bold green" if ledger.phase is FlowPhase.SUCCEEDED else "bold red"
    console.print(Text.assemble((verdict(ledger), style), (f"  (logs: {workdir})", "dim")))


def describe_run(outcome: Outcome) -> dict[str, Any]:
    """The run as a JobFlow's metadata and status, for programs."""
    flow = outcome.flow
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": flow.name, "namespace": flow.namespace, "uid": flow.uid},
        "status": outcome.status(),
        "run": outcome.name,
        "workdir": str(outcome.workdir),
    }


def _outputs(record: StepRecord) -> str:
    """What a step has put out, for the column that a success leaves empty."""
    if record.map is not None and record.map.measured is not None:
        return measured_words(record.map.measured)
    if record.tasks is not None:
        return f"{len(record.tasks.succeeded)} of {record.tasks.total} tasks"
    return one_line(", ".join(f"{name}={value}" for name, value in record.outputs.items()))


def _logs(workdir: Path, name: str, record: StepRecord) -> list[Path]:
    """Logs of the last attempt; the newest come last, near the outcome."""
    found = (workdir / name / str(record.attempt)).rglob("*.log")
    return sorted(found, key=lambda log: log.stat().st_mtime)[-MOST_LOGS:]
