"""What is shown while a flow runs: a live table on a terminal, plain lines elsewhere.

The table shows counts, what runs and what failed, never all steps: at 10,000 of them it is as
readable as at ten. Lines are one a transition, with the seconds since the start, good for CI logs.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jobflows.cli.words import STYLES, duration, one_line, took
from jobflows.engine import CompiledFlow, Event, Ledger, Plan, Reason, StepPhase
from jobflows.engine.ledger import FRESH
from jobflows.local import Clock

MOST_FAILED = 5
FIXED_ROWS = 12
"""Rows of the terminal that are not for running steps."""


class Progress(Protocol):
    """Shows a run; a context around it."""

    def __enter__(self) -> "Progress": ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def observe(self, plan: Plan, before: Ledger) -> None:
        """Take in a plan."""

    def say(self, words: str) -> None:
        """Show a sentence."""

    def pause(self) -> None:
        """Leave the terminal alone: a question is asked."""

    def go_on(self) -> None:
        """Show again."""


class Silent:
    """Shows nothing but sentences."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def __enter__(self) -> "Silent":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    def observe(self, plan: Plan, before: Ledger) -> None:
        """Show nothing of a plan."""
        del plan, before

    def say(self, words: str) -> None:
        self.console.print(Text(words, "yellow"))

    def pause(self) -> None:
        return

    def go_on(self) -> None:
        return


class Lines(Silent):
    """One line a transition."""

    def __init__(self, console: Console, flow: CompiledFlow, clock: Clock) -> None:
        super().__init__(console)
        self._flow = flow
        self._clock = clock
        self._began = clock()

    def observe(self, plan: Plan, before: Ledger) -> None:
        """Print what the plan decided."""
        for event in plan.events:
            if event.step:
                self._line(event.step, self._words(event, plan.ledger), warning=event.warning)
        if any(event.warning for event in plan.events):
            for name in self._newly_skipped(plan.ledger, before):
                self._line(name, "skipped: a step above it did not succeed")

    def say(self, words: str) -> None:
        self._line("jobflow", words)

    def _words(self, event: Event, ledger: Ledger) -> str:
        if event.reason == Reason.AWAITING_APPROVAL:
            # The event tells of an annotation, which only a flow on a cluster has.
            return ledger.steps[self._flow.graph.index[event.step]].message
        if event.reason == Reason.STARTED:
            return "started"
        if event.warning:
            return f"{event.reason}: {one_line(event.message)}"
        return event.message

    def _newly_skipped(self, ledger: Ledger, before: Ledger) -> Iterator[str]:
        earlier = before.steps or [FRESH] * len(ledger.steps)
        for name, now, then in zip(self._flow.graph.names, ledger.steps, earlier, strict=True):
            if now is not then and now.reason == Reason.DEPENDENCY_FAILED:
                yield name

    def _line(self, name: str, words: str, *, warning: bool = False) -> None:
        seconds = f"[{self._clock() - self._began:7.2f}s] "
        self.console.print(Text.assemble((seconds, "dim"), f"{name}: ", (words, "red" * warning)))


class LiveTable(Silent):
    """A table that is drawn anew four times a second."""

    def __init__(self, console: Console, flow: CompiledFlow, clock: Clock) -> None:
        super().__init__(console)
        self._flow = flow
        self._clock = clock
        self._began = clock()
        self._ledger = Ledger()
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> "LiveTable":
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def observe(self, plan: Plan, before: Ledger) -> None:
        """Keep the ledger; the drawing thread takes it from here."""
        del before
        self._ledger = plan.ledger

    def pause(self) -> None:
        self._live.stop()

    def go_on(self) -> None:
        self._live.start()

    def _render(self) -> RenderableType:
        ledger, now = self._ledger, self._clock()
        counts = Counter(record.phase for record in ledger.steps)
        parts = [Text.assemble((self._flow.name, "bold"), f"  {duration(now - self._began)}")]
        parts.append(
            Text("  ").join(
                Text(f"{counts[phase]} {phase}", STYLES[phase])
                for phase in StepPhase
                if counts[phase]
            )
        )
        rows = max(3, self.console.height - FIXED_ROWS)
        table = Table.grid(padding=(0, 2))
        for phase, most in (
            (StepPhase.PENDING_APPROVAL, 3),
            (StepPhase.RUNNING, rows),
            (StepPhase.FAILED, MOST_FAILED),
        ):
            self._add_rows(table, ledger, phase, most, counts[phase])
        return Group(*parts, table)

    def _add_rows(
        self, table: Table, ledger: Ledger, phase: StepPhase, most: int, count: int
    ) -> None:
        now = self._clock()
        shown = (
            (name, record)
            for name, record in zip(self._flow.graph.names, ledger.steps, strict=False)
            if record.phase is phase
        )
        for name, record in islice(shown, most):
            table.add_row(
                Text(f"  {name}", no_wrap=True),
                Text(str(phase), STYLES[phase], no_wrap=True),
                took(record, now),
                Text(one_line(record.message), "dim", no_wrap=True, overflow="ellipsis"),
            )
        if count > most:
            table.add_row(Text(f"  … {count - most} more", "dim"), "", "", "")
