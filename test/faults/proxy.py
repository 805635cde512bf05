"""Stands between one operator and the API server, and does what its script says, at one place.

The operator talks plain HTTP to it over loopback, with its own token, which goes on to the server.
What the operator asks is passed on as it is. The proxy decides nothing: a `Script` is asked about
each call and each event of a watch.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from faults.calls import Call, Counts, Event
from faults.points import LATE, STALE_LISTS, Point
from faults.stream import Relay, status_of

Kill = Callable[[], Awaitable[None]]

REFUSALS = {
    "409": "Conflict",
    "410": "Expired",
    "429": "TooManyRequests",
    "500": "InternalError",
    "503": "ServiceUnavailable",
}
_PASSED_ON = ("Authorization", "Content-Type", "Accept", "Accept-Encoding", "User-Agent")
_NEVER = 3600.0


@dataclass
class Script:
    """One point, or none; remembers what was asked, and whether the fault has come about."""

    point: Point | None = None
    calls: list[Call] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    hit: bool = False
    stale: set[str] = field(default_factory=set)
    """Resources whose next list is the first one again."""
    broken: bool = False
    """Whether nothing gets through at all, by a hand other than the point's."""

    def at(self, place: Call | Event) -> str:
        """What goes wrong here: the name of a fault, or nothing."""
        if isinstance(place, Call):
            self.calls.append(place)
        else:
            self.events.append(place)
        if self.point is None or self.hit or place != self.point.place:
            return ""
        self.hit = True
        return self.point.fault


class Proxy:
    """`address` is what a kubeconfig says; `kill` ends the operator and starts the next one."""

    def __init__(self, server: str, trust: ssl.SSLContext, script: Script, kill: Kill) -> None:
        self.address = ""
        self.connections = 0
        self._server = server
        self._trust = trust
        self._script = script
        self._kill = kill
        self._counts = Counts()
        self._first_lists: dict[str, bytes] = {}
        self._upstream: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen on a port of loopback while the block runs."""
        runner = web.ServerRunner(
            web.Server(self._answer, handler_cancellation=True), shutdown_timeout=0.1
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        connector = aiohttp.TCPConnector(ssl=self._trust, limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as upstream:
            self._upstream = upstream
            await site.start()
            host, port = runner.addresses[0][:2]
            self.address = f"http://{host}:{port}"
            try:
                yield
            finally:
                await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        call = self._counts.call(request.method, request.path, request.query, body)
        fault = self._script.at(call)
        if self._script.broken:
            await asyncio.sleep(_NEVER)
        match fault:
            case "request lost":
                return _hang_up(request)
            case "no answer":
                await asyncio.sleep(_NEVER)
            case "late request":
                await asyncio.sleep(LATE)
            case "killed before":
                await self._kill()
                return _hang_up(request)
            case code if code in REFUSALS:
                return _refusal(int(code))
        if call.verb == "watch":
            relay = Relay(self._script, self._counts, call.resource, self._kill)
            if fault == "killed after":
                await self._kill()
                return _hang_up(request)
            async with self._ask(request, body) as answer:
                return await relay.run(request, answer)
        return await self._send_on(request, body, call, fault)

    async def _send_on(
        self, request: web.BaseRequest, body: bytes, call: Call, fault: str
    ) -> web.StreamResponse:
        if call.verb == "list" and call.resource in self._script.stale:
            self._script.stale.discard(call.resource)
            return web.Response(
                body=self._first_lists[call.resource], content_type="application/json"
            )
        # What has left the operator arrives, even if the operator dies meanwhile.
        under_way = asyncio.create_task(self._whole(request, body))
        answer, said = await asyncio.shield(under_way)
        if call.verb == "list":
            self._first_lists.setdefault(call.resource, said)
        match fault:
            case "answer lost":
                return _hang_up(request)
            case "late answer":
                await asyncio.sleep(LATE)
            case "killed after":
                await self._kill()
                return _hang_up(request)
            case stale if stale in STALE_LISTS:
                self._script.stale.update(STALE_LISTS[stale])
                await self._kill()
                return _hang_up(request)
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name in ("Content-Type", "Retry-After", "Warning")
        }
        return web.Response(status=answer.status, body=said, headers=headers)

    async def _whole(
        self, request: web.BaseRequest, body: bytes
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        async with self._ask(request, body) as answer:
            return answer, await answer.read()

    def _ask(
        self, request: web.BaseRequest, body: bytes
    ) -> aiohttp.client._BaseRequestContextManager[aiohttp.ClientResponse]:
        assert self._upstream is not None
        return self._upstream.request(
            request.method,
            URL(self._server + request.raw_path, encoded=True),
            data=body or None,
            headers={n: request.headers[n] for n in _PASSED_ON if n in request.headers},
            timeout=aiohttp.ClientTimeout(total=None),
        )


def _hang_up(request: web.BaseRequest) -> web.Response:
    """Cut the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _refusal(code: int) -> web.Response:
    headers = {"Retry-After": "1"} if code == 429 else {}
    body = json.dumps(status_of(code, REFUSALS[str(code)])).encode()
    return web.Response(status=code, body=body, content_type="application/json", headers=headers)
