"""How steps and times are put into words for a terminal."""

from jobflows.engine import FlowPhase, Instant, Ledger, StepPhase, StepRecord
from jobflows.engine.mapping import Measured
from jobflows.measures import duration

STYLES = {
    StepPhase.SUCCEEDED: "green",
    StepPhase.FAILED: "red",
    StepPhase.RUNNING: "cyan",
    StepPhase.PENDING_APPROVAL: "yellow",
    StepPhase.SKIPPED: "dim",
    StepPhase.PENDING: "",
}


def took(record: StepRecord, now: Instant) -> str:
    """How long a step took, or takes until now; empty when it never started."""
    if record.started is None:
        return ""
    return duration((record.finished or now) - record.started)


def measured_words(measured: Measured) -> str:
    """What a map measured: its items, and how well they ran beside each other."""
    parts = [f"{measured.items} items"]
    parts += [f"{n} {what}" for what in ("failed", "skipped") if (n := getattr(measured, what))]
    if measured.tasks > 1:
        parts.append(f"{measured.tasks} tasks")
    if measured.speedup:
        workers = f"{measured.workers} worker{'s' * (measured.workers != 1)}"
        parts.append(f"speedup {measured.speedup:.3g} on {workers}")
    return ", ".join(parts)


def one_line(message: str) -> str:
    """A message with the log of a step in it -> what happened and the last thing the step said."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if len(lines) < 2:
        return "".join(lines)
    head, colon, _ = lines[0].rpartition(": ")
    return f"{head}: … {lines[-1]}" if colon else f"{lines[0]} … {lines[-1]}"


def verdict(ledger: Ledger) -> str:
    """The outcome in one line."""
    if ledger.phase is FlowPhase.SUCCEEDED:
        return "Succeeded"
    return f"{ledger.phase}: {one_line(ledger.message)}" if ledger.message else str(ledger.phase)
