"""Ends a read that has gone silent: load balancers drop idle connections without a word.

Used by the informer around a watch. One timer looks now and then at the time of the last sign of
life, so a sign of life costs a clock reading and not a timer of its own.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class InactivityGuard:
    """`async with InactivityGuard(70) as guard:`; TimeoutError after 70 s without `heard`."""

    __slots__ = ("_heard", "_limit", "_loop", "_timeout", "_timer")

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = seconds
        self._heard = self._loop.time()
        self._timeout = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> float:
        """There was a sign of life. Answers the loop time of it."""
        self._heard = self._loop.time()
        return self._heard

    async def __aenter__(self) -> InactivityGuard:
        await self._timeout.__aenter__()
        self._timer = self._loop.call_at(self._heard + self._limit, self._check)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _check(self) -> None:
        due = self._heard + self._limit
        if self._loop.time() >= due:
            self._timeout.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_at(due, self._check)
