"""Whether a flow's tasks have a good size, and how many of them would have.

A task pays for a Job, a pod, a place on a node and an image before it works; one that is lost pays
for all that it has done. Between a minute and half an hour, neither matters. What is advised is
computed from what was measured, and only when enough was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from jobflows.engine.plan import Event

SHORTEST = 60.0
"""Seconds that a task should run at least, on average."""

LONGEST = 1800.0
"""Seconds that a task should run at most."""

ENOUGH = 20
"""Tasks from which on their overhead is worth a word."""

ADVICE = "TaskSizeAdvice"


@dataclass(slots=True)
class Tally:
    """The succeeded tasks of a flow, added up in seconds; `late` counts those beyond `LONGEST`."""

    count: int = 0
    overhead: float = 0.0
    running: float = 0.0
    late: int = 0
    longest: float = 0.0
    longest_task: str = ""

    def add(self, task: str, overhead: float, running: float) -> None:
        """Add a task that took `overhead` to start and then ran so long."""
        self.count += 1
        self.overhead += overhead
        self.running += running
        self.late += running > LONGEST
        if running > self.longest:
            self.longest, self.longest_task = running, task


def advise(tally: Tally) -> Event | None:
    """The advice for a flow that has ended; None when its tasks are fine."""
    words = [words for words in (_too_short(tally), _too_long(tally)) if words]
    return Event(ADVICE, "; ".join(words), warning=True) if words else None


def _too_short(tally: Tally) -> str:
    if tally.count < ENOUGH or tally.running >= SHORTEST * tally.count:
        return ""
    mean, overhead = tally.running / tally.count, tally.overhead / tally.count
    size = min(math.ceil(SHORTEST / mean), tally.count) if mean else tally.count
    groups = math.ceil(tally.count / size)
    better = f"{groups} tasks of {_span(mean * size)}" if groups > 1 else "one task"
    return (
        f"{tally.count} tasks ran {_span(mean)} on average, and took {_span(overhead)} to start: "
        f"group about {size} of them in one task, which makes {better}"
    )


def _too_long(tally: Tally) -> str:
    if not tally.late:
        return ""
    parts = math.ceil(tally.longest / LONGEST)
    others = f", {tally.late - 1} more longer than {_span(LONGEST)}" if tally.late > 1 else ""
    return (
        f"{tally.longest_task} ran {_span(tally.longest)}{others}: split it into about {parts} "
        "tasks, or a lost node costs all of it"
    )


def _span(seconds: float) -> str:
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
