"""What breaks besides single calls: servers, clocks, disks, nodes, and other people's hands.

Each case is a function that returns what did not hold. Those of one group may run side by side;
those that break the API server for everybody run alone.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cluster.errors import ClusterError, UnavailableError
from faults.trial import Place, Verdict
from jobflows.cluster.errors import ApiError


@dataclass(frozen=True, slots=True)
class Case:
    """`what` is a sentence of the page; `run` gets a number for the names of its namespaces."""

    name: str
    what: str
    run: Callable[[Place, int], Awaitable[list[str]]]
    alone: bool = False


async def judged(place: Place, case: Case, number: int) -> Verdict:
    """Run it. One that this machine cannot do is skipped, and says why."""
    started = time.monotonic()
    wrong: list[str] = []
    note = case.what
    skipped = False
    try:
        wrong = await case.run(place, number)
    except UnavailableError as reason:
        skipped, note = True, str(reason)
    except (ApiError, ClusterError, TimeoutError, ExceptionGroup) as error:
        wrong = [f"{type(root).__name__}: {root}" for root in _roots(error)]
    return Verdict(
        where=case.name,
        fault="",
        kind="case",
        wrong=tuple(wrong),
        reached=True,
        skipped=skipped,
        seconds=round(time.monotonic() - started, 1),
        calls=0,
        kept=str(place.folder) if wrong else "",
        note=note,
    )


def _roots(error: BaseException) -> list[BaseException]:
    """The errors in a group of groups."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [root for inner in error.exceptions for root in _roots(inner)]
