"""The proxy of `make faults` does at one place what it was told, and nothing elsewhere."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from faults.calls import Call, Event
from faults.points import Point
from faults.proxy import Proxy, Script
from jobflows.cluster.http import AiohttpTransport
from jobflows.cluster.login import Connection
from jobflows.cluster.transport import Request, TransportError

JOBS = "/apis/batch/v1/namespaces/n/jobs"
CREATE = Request("POST", JOBS, body=b'{"metadata":{"name":"a-1"}}')
LIST = Request("GET", JOBS, {"labelSelector": "a=b"})
WATCH = Request("GET", JOBS, {"watch": "1"})
EVENTS = [b'{"type":"ADDED","object":{"n":%d}}' % n for n in range(3)]


class Server:
    """An API server that has heard of nothing, and what reached it."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Count the calls; a watch has three events and ends."""
        self.heard.append(request.method)
        if "watch" not in request.query:
            return web.Response(body=b"%d" % len(self.heard), content_type="application/json")
        out = web.StreamResponse()
        await out.prepare(request)
        await out.write(b"".join(line + b"\n" for line in EVENTS))
        return out


class Site:
    """A server, a proxy before it, a client, and how often the operator was killed."""

    def __init__(self, server: Server, script: Script) -> None:
        self.server = server
        self.script = script
        self.kills = 0
        self.client: AiohttpTransport

    async def kill(self) -> None:
        """What is killed are calls of a client, which does not die of it."""
        self.kills += 1

    async def lines(self) -> list[bytes]:
        """All of a watch."""
        return [line async for line in self.client.watch(WATCH)]


@asynccontextmanager
async def _site(point: Point | None) -> AsyncIterator[Site]:
    site = Site(Server(), Script(point))
    runner = web.ServerRunner(web.Server(site.server.answer))
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    proxy = Proxy(address, ssl.create_default_context(), site.script, site.kill)
    try:
        async with proxy.serving():
            patience = 0.5 if point is not None and point.fault == "no answer" else 60.0
            site.client = AiohttpTransport(
                Connection(server=proxy.address), request_timeout=patience
            )
            try:
                yield site
            finally:
                await site.client.close()
    finally:
        await runner.cleanup()


def _at(fault: str, place: Call | Event | None = None) -> Point:
    return Point("some", place or Call("create", "jobs", "a-1", 1), fault)


def _play(point: Point | None, scenario: Callable[[Site], Awaitable[None]]) -> None:
    async def main() -> None:
        async with _site(point) as site:
            await scenario(site)

    asyncio.run(main())


def test_without_a_point_all_passes_and_is_counted() -> None:
    async def scenario(site: Site) -> None:
        assert (await site.client.send(LIST)).body == b"1"
        assert (await site.client.send(CREATE)).body == b"2"
        assert (await site.client.send(CREATE)).body == b"3"
        assert await site.lines() == EVENTS
        words = ["list jobs #1", "create jobs a-1", "create jobs a-1 #2", "watch jobs #1"]
        assert [str(call) for call in site.script.calls] == words
        assert site.script.events == [Event("jobs", n) for n in (1, 2, 3)]

    _play(None, scenario)


@pytest.mark.parametrize(
    ("fault", "reaches"),
    [
        ("request lost", False),
        ("answer lost", True),
        ("no answer", False),
        ("killed before", False),
        ("killed after", True),
        ("stale jobs", True),
    ],
)
def test_a_call_without_an_answer(fault: str, reaches: bool) -> None:
    async def scenario(site: Site) -> None:
        with pytest.raises(TransportError):
            await site.client.send(CREATE)
        assert site.server.heard == ["POST"] * reaches
        assert site.kills == ("killed" in fault or "stale" in fault)
        assert site.script.hit
        assert (await site.client.send(CREATE)).status == 200

    _play(_at(fault), scenario)


@pytest.mark.parametrize("code", [409, 410, 429, 500, 503])
def test_a_call_that_is_refused(code: int) -> None:
    async def scenario(site: Site) -> None:
        answer = await site.client.send(CREATE)
        assert answer.status == code
        assert answer.retry_after == (1.0 if code == 429 else None)
        assert site.server.heard == []

    _play(_at(str(code)), scenario)


@pytest.mark.parametrize(
    ("fault", "lines"),
    [
        ("ended", EVENTS[:1]),
        ("doubled", [EVENTS[0], EVENTS[1], EVENTS[1], EVENTS[2]]),
        ("slow", EVENTS),
    ],
)
def test_a_watch_that_is_odd(fault: str, lines: list[bytes]) -> None:
    async def scenario(site: Site) -> None:
        assert await site.lines() == lines

    _play(_at(fault, Event("jobs", 2)), scenario)


@pytest.mark.parametrize("fault", ["cut", "torn", "killed"])
def test_a_watch_that_breaks(fault: str) -> None:
    async def scenario(site: Site) -> None:
        with pytest.raises(TransportError):
            await site.lines()
        assert site.kills == (fault == "killed")

    _play(_at(fault, Event("jobs", 2)), scenario)


@pytest.mark.parametrize(("fault", "code"), [("410", b"410"), ("500", b"500")])
def test_a_watch_that_ends_in_an_error(fault: str, code: bytes) -> None:
    async def scenario(site: Site) -> None:
        first, last = await site.lines()
        assert first == EVENTS[0]
        assert b'"ERROR"' in last
        assert code in last

    _play(_at(fault, Event("jobs", 2)), scenario)


def test_a_stale_list_is_the_first_one_once() -> None:
    async def scenario(site: Site) -> None:
        assert (await site.client.send(LIST)).body == b"1"
        await site.lines()
        assert (await site.client.send(LIST)).body == b"1"
        assert (await site.client.send(LIST)).body == b"3"

    _play(_at("410, stale list", Event("jobs", 3)), scenario)
