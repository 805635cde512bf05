"""The model's side of the `Transport` protocol: where time passes and faults strike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from jobflows.cluster.transport import Request, Response, TransportError, WatchRefused
from model.errors import ApiError, no_such_resource
from model.faults import Call, Delivery, Fault
from model.rights import Rights
from model.routes import Route, in_known_group
from model.watchers import (
    BOOKMARK_BEFORE_END,
    BOOKMARK_SECONDS,
    Event,
    Watcher,
    error_event,
)

if TYPE_CHECKING:
    from model.apiserver import ApiServer

_REASONS = {
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Connection:
    """One client's way to the server; implements `jobflows.cluster.transport.Transport`."""

    def __init__(self, server: ApiServer, client: str, rights: Rights | None = None) -> None:
        self._server = server
        self._client = client
        self._rights = rights
        self._closed = False

    async def send(self, request: Request) -> Response:
        call, fault, found = await self._arrive(request)
        response = (
            _refusal(fault)
            or self._forbidden(call, found)
            or self._server.answer(found, request, self._client)
        )
        self._server.log(call, response.status)
        await self._travel(fault.delay_answer if fault else 0.0)
        if (fault and fault.lost == "after") or self._server.is_down:
            raise TransportError(f"connection lost before the answer to {call.verb}")
        return response

    async def watch(self, request: Request) -> AsyncIterator[bytes]:
        call, fault, found = await self._arrive(request)
        watcher = self._open(call, fault, found, request)
        timers = self._timers(watcher, request)
        try:
            while True:
                event = await self._next(watcher)
                if event is None:
                    return
                for line in await self._lines(watcher, event):
                    yield line
        finally:
            for timer in timers:
                timer.cancel()
            self._server.watchers.stop(watcher)

    async def close(self) -> None:
        self._closed = True

    async def _arrive(self, request: Request) -> tuple[Call, Fault | None, Route | None]:
        """Travel to the server; returns there, unless the way ends before."""
        if self._closed:
            raise TransportError("this transport is closed")
        call, fault, found = self._server.call(self._client, request)
        await self._travel(fault.delay if fault else 0.0)
        if self._server.is_down or (fault and fault.lost == "before"):
            self._server.log(call, 0)
            raise TransportError(f"connection refused: {call.verb} {call.resource}")
        return call, fault, found

    def _forbidden(self, call: Call, found: Route | None) -> Response | None:
        if self._rights is None or found is None:
            return None
        try:
            self._rights.check(found, call.verb)
        except ApiError as error:
            return Response(error.code, error.body)
        return None

    async def _travel(self, delay: float) -> None:
        latency = self._server.latency
        await asyncio.sleep(delay + self._server.random.uniform(0.25, 0.75) * latency)

    def _open(
        self, call: Call, fault: Fault | None, found: Route | None, request: Request
    ) -> Watcher:
        refusal = _refusal(fault) or self._forbidden(call, found)
        if refusal is None and found is None:
            refusal = nothing_at(request.path)
        if refusal is None and found is not None:
            try:
                watcher = self._server.watchers.start(self._client, found, request.query)
            except ApiError as error:
                refusal = Response(error.code, error.body)
        if refusal is not None:
            self._server.log(call, refusal.status)
            raise WatchRefused(refusal)
        self._server.log(call, 200)
        return watcher

    def _timers(self, watcher: Watcher, request: Request) -> list[asyncio.TimerHandle]:
        """The watch's own end and its bookmarks; the list grows while the watch lives."""
        clock = self._server.clock
        text = request.query.get("timeoutSeconds", "")
        seconds = float(text) if text.isdigit() and int(text) > 0 else 0.0
        if not seconds:
            seconds = 1800.0 * (1.0 + self._server.random.random())
        end = clock.now() + seconds
        timers = [clock.call_later(seconds, watcher.end)]

        def mark() -> None:
            self._server.watchers.bookmark(watcher)
            arm()

        def arm() -> None:
            left = end - BOOKMARK_BEFORE_END - clock.now()
            if left > 0:
                timers[1:] = [clock.call_later(min(BOOKMARK_SECONDS, left), mark)]

        if request.query.get("allowWatchBookmarks") in ("true", "1"):
            arm()
        return timers

    async def _next(self, watcher: Watcher) -> Event | None:
        """The next event in the queue; None at the orderly end of the stream."""
        while True:
            if watcher.broken:
                raise TransportError(f"watch of {watcher.kind.plural} broken")
            if watcher.queue:
                return watcher.queue.popleft()
            if watcher.ended:
                return None
            woken = asyncio.Event()
            watcher.wake = woken.set
            await woken.wait()

    async def _lines(self, watcher: Watcher, event: Event) -> list[bytes]:
        """What of an event the client gets to see, after what the network does to it."""
        fault = None
        if event.type != "ERROR":
            fault = self._server.faults.on_event(self._delivery(watcher, event))
        late = max(event.due - self._server.clock.now(), 0.0) + (fault.delay if fault else 0.0)
        if late:
            await asyncio.sleep(late)
        if watcher.broken or (fault and fault.cut == "error"):
            raise TransportError(f"watch of {watcher.kind.plural} broken")
        if fault and (fault.cut == "end" or fault.gone):
            watcher.queue.clear()
            watcher.end()
            message = "The resourceVersion for the provided watch is too old."
            error = ApiError(410, "Expired", message)
            return [error_event(error, 0.0).line] if fault.gone else []
        return [event.line] * (2 if fault and fault.duplicate else 1)

    def _delivery(self, watcher: Watcher, event: Event) -> Delivery:
        resource = watcher.kind.plural
        counter = (watcher.client, "event", resource)
        self._server.calls[counter] += 1
        count = self._server.calls[counter]
        return Delivery(watcher.client, resource, event.type, event.namespace, event.name, count)


def nothing_at(path: str) -> Response:
    """The answer for a path that no route leads to."""
    if in_known_group(path):
        error = no_such_resource()
        return Response(error.code, error.body)
    return Response(404, b"404 page not found\n")


def _refusal(fault: Fault | None) -> Response | None:
    if fault is None or fault.status is None:
        return None
    message = f"injected fault: {fault.status}"
    error = ApiError(fault.status, _REASONS.get(fault.status, "Unknown"), message, {})
    return Response(fault.status, msgspec.json.encode(error.status), fault.retry_after)
