"""A transport that lets writes pass only while a Lease is surely held.

The last thing that a write passes before it leaves the process, so that one that was decided in
time and held up since (by the rate limit, a retry, or a stop of the whole process) does not arrive
when somebody else acts. Reads always pass: they do no harm, and keep a standby warm.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from jobflows.cluster.transport import Request, Response, Transport, TransportError


class FencedError(TransportError):
    """Not sent: the Lease may be another's by now. Like a cut line, it may pass."""


class Fence:
    """Implements `Transport`. `holds` may be exchanged when a Lease is taken."""

    def __init__(self, inner: Transport, holds: Callable[[], bool] = lambda: False) -> None:
        self.holds = holds
        self._inner = inner

    async def send(self, request: Request) -> Response:
        if request.method != "GET" and not self.holds():
            raise FencedError(f"{request.method} {request.path}: the Lease is not surely held")
        return await self._inner.send(request)

    def watch(self, request: Request) -> AsyncIterator[bytes]:
        return self._inner.watch(request)

    async def close(self) -> None:
        """Nothing: the connection is shared."""
