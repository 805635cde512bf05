"""What is shown while a flow runs: a live table on a terminal, plain lines elsewhere.

The table shows counts, what runs and what failed, never all steps: at 10,000 of them it is as
readable as at ten. Lines are one a transition, with the seconds since the start, good for CI logs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jobflows.cli.words import STYLES, one_line, took
from jobflows.drawing.fold import kind
from jobflows.drawing.words import tasks_words
from jobflows.engine import CompiledFlow, Event, Instant, Ledger, Plan, Reason, StepPhase
from jobflows.engine.ledger import FRESH
from jobflows.local import Clock
from jobflows.measures import duration

MOST_ASKING, MOST_FAILED = 3, 5
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
        now = self._clock()
        head = Text.assemble((self._flow.name, "bold"), f"  {duration(now - self._began)}")
        return Group(head, *glance(self._flow, self._ledger, now, self.console.height))


def glance(flow: CompiledFlow, ledger: Ledger, now: Instant, height: int) -> list[RenderableType]:
    """How a flow stands on `height` lines of a terminal: counts, what is going on, what failed.

    Where more steps are going on than there is room for, those that are alike share a line.
    """
    counts = Counter(record.phase for record in ledger.steps)
    words = Text("  ").join(
        Text(f"{counts[phase]} {phase}", STYLES[phase]) for phase in StepPhase if counts[phase]
    )
    table = Table.grid(padding=(0, 2))
    for phase, most in (
        (StepPhase.PENDING_APPROVAL, MOST_ASKING),
        (StepPhase.RUNNING, max(3, height - FIXED_ROWS)),
        (StepPhase.FAILED, MOST_FAILED),
    ):
        found = [i for i, record in enumerate(ledger.steps) if record.phase is phase]
        few = len(found) <= most
        rows = _single if few or phase is not StepPhase.RUNNING else _together
        shown = list(islice(rows(flow, ledger, found, now), most))
        for name, steps, took_time, message in shown:
            table.add_row(
                Text(f"  {name}", no_wrap=True),
                Text(str(phase) if steps == 1 else f"{steps} {phase}", STYLES[phase], no_wrap=True),
                took_time,
                Text(message, "dim", no_wrap=True, overflow="ellipsis"),
            )
        left = len(found) - sum(steps for _, steps, _, _ in shown)
        if left:
            table.add_row(Text(f"  … {left} more", "dim"), "", "", "")
    return [words, table]


Line = tuple[str, int, str, str]
"""A name, how many steps it stands for, how long they take, and what there is to say."""


def _single(
    flow: CompiledFlow, ledger: Ledger, found: Sequence[int], now: Instant
) -> Iterator[Line]:
    for i in found:
        record = ledger.steps[i]
        words = tasks_words(record.tasks) if record.tasks is not None else ""
        message = one_line(record.message) or words
        yield flow.graph.names[i], 1, took(record, now), message


def _together(
    flow: CompiledFlow, ledger: Ledger, found: Sequence[int], now: Instant
) -> Iterator[Line]:
    """Steps of one template, or of one name but for its number, the largest groups first."""
    groups: dict[str, list[int]] = {}
    for i in found:
        groups.setdefault(kind(flow, i), []).append(i)
    for name, members in sorted(groups.items(), key=lambda group: -len(group[1])):
        oldest = min(members, key=lambda i: ledger.steps[i].started or now)
        yield name, len(members), took(ledger.steps[oldest], now), ""
