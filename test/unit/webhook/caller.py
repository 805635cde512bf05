"""The webhook on a real socket over TLS, and somebody who posts to it as an API server does."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from jobflows.webhook import life as webhook
from unit.cluster_adapter.scripted import ScriptedTransport, client
from unit.webhook.authority import LOOPBACK, TestAuthority


class Caller:
    """Posts as an API server does."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        trust: ssl.SSLContext,
        seen: Counter[Any],
    ) -> None:
        self.session = session
        self.base = base
        self.trust = trust
        self.seen = seen

    async def post(self, path: str, body: Any) -> tuple[int, bytes]:
        async with self.session.post(self.base + path, data=body) as answer:
            return answer.status, await answer.read()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """To send what no HTTP library sends."""
        port = int(self.base.rpartition(":")[2])
        reader, writer = await asyncio.open_connection(LOOPBACK, port, ssl=self.trust)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


@asynccontextmanager
async def serving(folder: Path, trust: ssl.SSLContext) -> AsyncIterator[Caller]:
    seen: Counter[Any] = Counter()

    def observe(path: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        seen[path, result] += 1

    options = webhook.Options(port=0, host=LOOPBACK, certificates=folder, authorize=False)
    async with webhook.running(options, client(ScriptedTransport()), observe) as served:
        await until(lambda: served.serving.is_ready)
        assert served.checks() == {"webhook": True}
        connector = aiohttp.TCPConnector(ssl=trust)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Caller(session, f"https://{LOOPBACK}:{served.port}", trust, seen)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.005)


def run(
    folder: Path, scenario: Callable[[Caller], Any], authority: TestAuthority | None = None
) -> None:
    authority = authority or TestAuthority()
    if not folder.joinpath("tls.crt").exists():
        authority.write(folder)

    async def whole() -> None:
        async with asyncio.timeout(60), serving(folder, authority.trust()) as caller:
            await scenario(caller)

    asyncio.run(whole())
