"""What happened to a flow, and when: told by the times that the archive has of it and its steps.

Kubernetes keeps events for an hour; these are as old as the archive, the same on one machine, and
need nothing to be stored besides. What leaves no time behind, such as who approved, is in none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest

from jobflows.archive import FlowInfo, RunInfo, StepInfo

MOST = 20


@dataclass(frozen=True, slots=True)
class Happening:
    """At a time, what; `step` is empty for the flow itself."""

    at: float
    what: str
    phase: str = ""
    step: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """The last that happened, the newest first; `hidden` came before."""

    items: tuple[Happening, ...]
    hidden: int


def history(flow: FlowInfo, runs: Sequence[RunInfo], steps: Sequence[StepInfo]) -> History:
    """Of a flow with all of its runs, and the steps of one of them."""
    begins, ends = _of_flow(flow, runs)
    found = [*begins, *_of_steps(steps), *ends]  # of one moment in this order
    last = nlargest(MOST, enumerate(found), key=lambda pair: (pair[1].at, pair[0]))
    return History(tuple(each for _, each in last), len(found) - len(last))


def _of_flow(flow: FlowInfo, runs: Sequence[RunInfo]) -> tuple[list[Happening], list[Happening]]:
    """How it began, and how it ended."""
    by = f" by {flow.created_by}" if flow.created_by else ""
    begins, ends = [Happening(flow.created, "created" + by)], []
    for run in reversed(runs):
        name = f"run {run.run}" if len(runs) > 1 else "the flow"
        if run.started is not None:
            begins.append(Happening(run.started, f"{name} began"))
        if run.finished is not None:
            ends.append(Happening(run.finished, f"{name} ended", run.phase, message=run.message))
    if flow.deleted is not None:
        ends.append(Happening(flow.deleted, "deleted from the cluster"))
    return begins, ends


def _of_steps(steps: Sequence[StepInfo]) -> Iterator[Happening]:
    for each in steps:
        if each.started is not None:
            words = "asks" if each.phase == "PendingApproval" else "began"
            yield Happening(each.started, words, step=each.step)
        if each.finished is not None:
            words = "ended" if each.started is not None else "was skipped"
            tries = f" after {each.attempts} attempts" if each.attempts > 1 else ""
            yield Happening(each.finished, words + tries, each.phase, each.step, each.message)
