"""The attempts of a step of a run of this machine, as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobflows.cli.story import MOST_ATTEMPTS, Tries
from jobflows.cli.tables import without_empty
from jobflows.engine import Observations
from jobflows.engine.times import rfc3339
from jobflows.steering.loaded import Loaded
from jobflows.steering.machine import LocalRuns

if TYPE_CHECKING:
    from jobflows.local import AttemptInfo


def tries_of(place: LocalRuns, loaded: Loaded, name: str) -> Tries:
    """The newest attempts of a step."""
    found = place.stored(loaded.record.metadata.uid).attempts(name)
    return Tries(
        told=[_attempt(each) for each in found[-MOST_ATTEMPTS:]],
        earlier=max(0, len(found) - MOST_ATTEMPTS),
        seen=Observations(),
        where="--local",
    )


def _attempt(each: AttemptInfo) -> dict[str, Any]:
    seconds = None if each.finished is None else round(each.finished - each.started, 3)
    return without_empty(
        {
            "number": each.attempt,
            "task": each.task,
            "log": str(each.log),
            "state": each.phase,
            "cause": each.cause,
            "reason": each.reason,
            "message": each.message,
            "exitCode": each.exit_code,
            "startTime": rfc3339(each.started),
            "completionTime": rfc3339(each.finished),
            "seconds": seconds,
            "peakMemory": each.peak_memory,
            "memory": each.memory,
            "cpuSeconds": each.cpu_seconds,
        }
    )
