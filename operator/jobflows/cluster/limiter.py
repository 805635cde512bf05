"""Client-side rate limit of writes: tokens per second, requests in flight, and politeness on 429.

The client enters it around every write. Rules: first come, first served, for tokens and slots
alike; a 429 halves rate and concurrency (once a second at most, however many requests it hit) and
holds everybody back for its Retry-After; both grow back linearly in about ten seconds. All time is
the event loop's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType

SLOWDOWN = 0.5
SLOWEST = 1 / 64
RECOVERY_PER_SECOND = 0.05
LONGEST_PAUSE = 60.0
_WHOLE = 1.0 - 1e-6  # a token short of one by rounding only


class Limiter:
    """`async with limiter:` around a request; `throttled()` when the server answered 429.

    `qps` <= 0 turns the token bucket off, `in_flight` <= 0 the limit of concurrent requests.
    """

    def __init__(self, qps: float = 0.0, burst: int = 1, in_flight: int = 0) -> None:
        self._qps = qps
        self._burst = float(max(1, burst))
        self._slots = in_flight
        self._tokens = self._burst
        self._in_flight = 0
        self._factor = 1.0
        self._refilled = float("-inf")
        self._paused_until = float("-inf")
        self._slowed = float("-inf")
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.throttles = 0

    @property
    def waiting(self) -> int:
        """Requests in the queue now."""
        return len(self._waiters)

    @property
    def in_flight(self) -> int:
        """Requests between enter and exit now."""
        return self._in_flight

    @property
    def factor(self) -> float:
        """The share of the configured rate in use: 1.0, less after a 429."""
        return self._factor

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._waiters and self._admit(loop.time()) is None:
            return
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.append(waiter)
        self._pump(loop)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():  # admitted and cancelled in one turn
                self._tokens = min(self._burst, self._tokens + 1.0)
                self._in_flight -= 1
            self._pump(loop)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._in_flight -= 1
        if self._waiters:
            self._pump(asyncio.get_running_loop())

    def throttled(self, retry_after: float | None = None) -> None:
        """The server answered 429: slow down, and hold everything for `retry_after` seconds."""
        now = asyncio.get_running_loop().time()
        self._refill(now)
        self.throttles += 1
        if now >= self._slowed + 1.0:
            self._slowed = now
            self._factor = max(SLOWEST, self._factor * SLOWDOWN)
            self._tokens = min(self._tokens, 1.0)
        if retry_after:
            pause = now + min(retry_after, LONGEST_PAUSE)
            self._paused_until = max(self._paused_until, pause)

    def _admit(self, now: float) -> float | None:
        """Take a slot and a token and answer None, or say when to ask again (inf: at a release)."""
        if now < self._paused_until:
            return self._paused_until
        self._refill(now)
        if self._slots > 0 and self._in_flight >= max(1, int(self._slots * self._factor)):
            return float("inf")
        if self._qps > 0:
            if self._tokens < _WHOLE:
                return now + (1.0 - self._tokens) / (self._qps * self._factor)
            self._tokens -= 1.0
        self._in_flight += 1
        return None

    def _refill(self, now: float) -> None:
        elapsed = now - self._refilled
        self._refilled = now
        if elapsed <= 0 or elapsed == float("inf"):
            return
        self._tokens = min(self._burst, self._tokens + elapsed * self._qps * self._factor)
        if self._factor < 1.0 and now > self._paused_until:
            quiet = min(elapsed, now - self._paused_until)
            self._factor = min(1.0, self._factor + quiet * RECOVERY_PER_SECOND)

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiters:
            if self._waiters[0].done():  # cancelled while it waited
                self._waiters.popleft()
                continue
            again = self._admit(loop.time())
            if again is None:
                self._waiters.popleft().set_result(None)
            else:
                if again != float("inf"):
                    self._timer = loop.call_at(again, self._pump, loop)
                return
