"""Every place of a run at which something can go wrong, and what goes wrong there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from faults.calls import OF_RECURRING, RECURRING, Call, Event

LATE = 5.0
"""Seconds; longer than anything else in the flows of a run takes."""

CALL_FAULTS = {
    "request lost": "the connection breaks before the server has seen the call",
    "answer lost": "the server has done it, and the connection breaks before it says so",
    "late request": f"the call waits {LATE:g} s on its way",
    "late answer": f"the answer waits {LATE:g} s on its way",
    "409": "Conflict, without effect",
    "410": "Expired, without effect",
    "429": "Too Many Requests with Retry-After: 1, without effect",
    "500": "without effect",
    "503": "without effect",
    "no answer": "the connection stays open and nothing comes until the operator gives up (30 s)",
    "killed before": "SIGKILL to the operator before the server has seen the call",
    "killed after": "SIGKILL to the operator when the server has done it",
}
"""At each call each of these."""

EVENT_FAULTS = {
    "cut": "the connection breaks instead of the event",
    "ended": "the server ends the watch in good order instead of the event",
    "torn": "the connection breaks within the event",
    "garbled": "a line that is no JSON comes instead, and the watch ends",
    "410": "ERROR Expired comes instead, and the watch ends",
    "410, stale list": "the same, and the next list is the one from the start of the run",
    "500": "ERROR InternalError comes instead, and the watch ends",
    "silent": "nothing comes any more, and the connection stays open (70 s)",
    "slow": "the event comes byte by byte, over 2 s",
    "doubled": "the event comes twice",
    "late": f"this event and those behind it wait {LATE:g} s",
    "killed": "SIGKILL to the operator instead of the event",
}
"""At each event one of these, in turn."""

STALE_LISTS = {
    "stale jobflows": ("jobflows",),
    "stale jobs": ("jobs",),
    "stale pods": ("pods",),
    "stale lists": ("jobflows", "jobs", "pods"),
}
"""SIGKILL after a write, and its successor's first list is that of the start of the run.

At each such place one of these, in turn.
"""

STALE_TEXT = "SIGKILL after the call, and the next operator's first list is as of before the run"

KNOWN_LIMITS = {
    "stale lists": (
        "an operator that has just begun knows nothing but what the API server tells it. If all of"
        " it is from a time before the flow began, a Job that was stopped and deleted since is made"
        " again. Kubernetes promises that a list without a resourceVersion, as the operator asks"
        " for, is up to date"
    ),
}
"""Faults that need not hold, and why; a run that does not is told, and is no failure."""


@dataclass(frozen=True, slots=True)
class Point:
    """One fault at one place of a run of `mixture`."""

    mixture: str
    place: Call | Event
    fault: str

    def __str__(self) -> str:
        return f"{self.mixture}: {self.place}: {self.fault}"

    @property
    def patience(self) -> int:
        """How long it takes compared to others: what waits longest is to be begun first."""
        return {"silent": 3, "no answer": 2}.get(self.fault, 1)


def of_run(
    mixture: str, calls: Iterable[Call], events: Iterable[Event], *, known: Collection[Call] = ()
) -> list[Point]:
    """All points of a run in which nothing went wrong, but for calls that are `known` already.

    What an operator asks before it knows any flow it asks in each run.
    """
    calls = [call for call in _countable(calls) if call not in known]
    found = [Point(mixture, call, fault) for call in calls for fault in _at(call)]
    kinds = tuple(EVENT_FAULTS)
    for place in sorted(events):
        found.append(Point(mixture, place, kinds[(place.count - 1) % len(kinds)]))
    stale = tuple(STALE_LISTS)
    writes = [c for c in calls if c.verb == "create" or c.resource.endswith("/status")]
    for number, call in enumerate(writes):
        found.append(Point(mixture, call, stale[number % len(stale)]))
    return found


def sample(points: Sequence[Point], count: int, offset: int = 0) -> list[Point]:
    """`count` of them, spread evenly; `offset` chooses which."""
    if count >= len(points) or not count:
        return list(points)[:count]
    stride = len(points) / count
    shift = offset % max(1, int(stride))
    return [points[int(stride * number) + shift] for number in range(count)]


def _countable(calls: Iterable[Call]) -> Iterator[Call]:
    for call in sorted(set(calls)):
        if call.resource not in RECURRING or call.count <= OF_RECURRING:
            yield call


def _at(call: Call) -> Iterator[str]:
    for fault in CALL_FAULTS:
        # The answer of a watch are its events.
        if call.verb != "watch" or fault not in ("answer lost", "late answer"):
            yield fault
