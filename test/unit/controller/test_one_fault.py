"""One thing goes wrong, at each call and each watch event in turn: the outcome stays the same.

The numbers of calls and events are those of a run without faults; every one of them is tried.
"""

from __future__ import annotations

from functools import cache

import pytest

from model import Fault, WatchFault
from unit.controller import mixture
from unit.controller.mixture import Nth
from unit.controller.stage import Stage, play

FEW = 6
"""Writes that a single fault may cost: the retried call, and what is told of it."""
LATE = 12
"""The same when news is late: what would have gone into one status goes into several."""
EVENT_STRIDE = 5
"""Each watch event is tried with one of the five faults, and each fault with every fifth."""

CALL_FAULTS = {
    "lost before": (Fault(lost="before"),),
    "lost after": (Fault(lost="after"),),
    "refused": (Fault(status=500), Fault(status=503), Fault(status=429, retry_after=1.0)),
    "slow": (Fault(delay=20.0), Fault(delay_answer=20.0)),
}
"""At each call one of them, in turn."""
EVENT_FAULTS = {
    "cut": WatchFault(cut="error"),
    "ended": WatchFault(cut="end"),
    "410": WatchFault(gone=True),
    "late": WatchFault(delay=20.0),
    "doubled": WatchFault(duplicate=True),
}


def _play(faults: Nth) -> Stage:
    async def scenario(stage: Stage) -> None:
        stage.server.faults = faults
        await mixture.run(stage)

    return play(scenario)


@cache
def _without() -> tuple[Nth, int]:
    faults = Nth()
    return faults, _play(faults).server.writes()


def _more(fault: str) -> int:
    return LATE if fault in ("slow", "late", "cut", "ended") else FEW


@pytest.mark.parametrize("fault", CALL_FAULTS)
def test_a_fault_at_any_call_changes_nothing(fault: str) -> None:
    kinds = CALL_FAULTS[fault]
    for k in range(1, 1 + _without()[0].calls):
        faults = Nth(k, fault=kinds[k % len(kinds)])
        stage = _play(faults)
        assert faults.hits
        assert stage.server.writes() <= _without()[1] + _more(fault), (k, faults.hits)


@pytest.mark.parametrize("fault", EVENT_FAULTS)
def test_a_fault_at_any_watch_event_changes_nothing(fault: str) -> None:
    offset = list(EVENT_FAULTS).index(fault)
    for k in range(1 + offset % EVENT_STRIDE, 1 + _without()[0].events, EVENT_STRIDE):
        faults = Nth(k, watch_fault=EVENT_FAULTS[fault])
        stage = _play(faults)
        assert faults.hits
        assert stage.server.writes() <= _without()[1] + _more(fault), (k, faults.hits)


@pytest.mark.parametrize("status", [409, 403, 404, 422])
def test_a_status_that_is_refused_once_is_written_in_the_end(status: int) -> None:
    for k in range(1, 8):
        faults = Nth(k, fault=Fault(status=status), only=("patch", "jobflows/status"))
        stage = _play(faults)
        assert stage.server.writes() <= _without()[1] + FEW, (k, faults.hits)
