"""Starts that were refused, and when they may be tried again.

Used by `effects.py` before it starts anything. A refusal that concerns one step (a policy forbids
its Job, a Job of an earlier flow is in the way) holds that step; one that concerns all of them (a
quota is used up, the API server does not answer) holds the flow, and one start alone finds out
whether it is over. So a flow that cannot go on costs a call now and then, however wide it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection

from jobflows.engine import Instant

BASE = 0.2
CAP = 30.0
DOUBLINGS = 16

WHOLE_FLOW = ""


class Holds:
    """One flow's. Keys are names of steps, and `WHOLE_FLOW`."""

    def __init__(self) -> None:
        self._until: dict[str, Instant] = {}
        self._refusals: dict[str, int] = {}

    def refuse(self, key: str, identity: str, now: Instant) -> Instant:
        """Note a refusal; returns when to try again. `identity` only spreads the waits."""
        until = self._until.get(key)
        if until is not None and until > now:
            return until  # one of many that were under way together
        count = self._refusals[key] = self._refusals.get(key, 0) + 1
        longest = min(CAP, BASE * 2.0 ** min(count - 1, DOUBLINGS))
        share = zlib.crc32(f"{identity}/{key}/{count}".encode()) / 2**32
        until = self._until[key] = now + longest * (0.5 + 0.5 * share)
        return until

    def accept(self, step: str) -> None:
        """A start went well: neither its step nor the flow is held any more."""
        if self._refusals:
            for key in (step, WHOLE_FLOW):
                self._refusals.pop(key, None)
                self._until.pop(key, None)

    @property
    def refused(self) -> bool:
        """Whether the last start of something was refused."""
        return bool(self._refusals)

    def stop(self, steps: Collection[str], now: Instant) -> bool:
        """Whether the flow is held, or each of these steps that it would start now.

        When its hold is over, a flow that was refused waits for its share like any other: nobody
        else would tell it that there is room again.
        """
        if self._until.get(WHOLE_FLOW, now) > now:
            return True
        return bool(steps) and not any(self.allows(step, now, first=True) for step in steps)

    def clear(self) -> None:
        """Another spec, another chance."""
        self._refusals.clear()
        self._until.clear()

    def allows(self, step: str, now: Instant, *, first: bool) -> bool:
        """Whether to start this step now; `first` when nothing else is being started with it."""
        if not self._refusals:
            return True
        if self._until.get(step, now) > now or self._until.get(WHOLE_FLOW, now) > now:
            return False
        return first or WHOLE_FLOW not in self._refusals

    def next_moment(self, now: Instant) -> Instant | None:
        """When the next hold ends."""
        return min((until for until in self._until.values() if until > now), default=None)
