"""The real transport: one aiohttp session to one API server.

Made once by the controller and given to the `Client`; the only module that imports aiohttp. Rules:
any trouble without an HTTP answer is a `TransportError`; a 401 is tried once more with a renewed
token; a watch has no overall time limit, but a silent one is cut.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from jobflows import __version__
from jobflows.cluster.credentials import TokenSource
from jobflows.cluster.lines import LineSplitter, LineTooLongError
from jobflows.cluster.login import Connection
from jobflows.cluster.tls import tls_context
from jobflows.cluster.transport import Request, Response, TransportError, WatchRefused

REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 5.0
LARGE_BODY = 1 << 20
INACTIVITY_SECONDS = 70.0
READ_BUFFER = 256 * 1024
KEEP_ALIVE_SECONDS = 60.0

_TROUBLE = (aiohttp.ClientError, TimeoutError, OSError)


class AiohttpTransport:
    """Implements `Transport`. Must be made inside a running event loop."""

    def __init__(
        self,
        connection: Connection,
        *,
        request_timeout: float = REQUEST_SECONDS,
        connect_timeout: float = CONNECT_SECONDS,
        inactivity_timeout: float = INACTIVITY_SECONDS,
        connections: int = 256,
        user_agent: str = f"jobflows/{__version__}",
    ) -> None:
        self._base = connection.server.rstrip("/")
        self._server_name = connection.tls_server_name
        self._tokens = TokenSource(connection)
        self._request_timeout = aiohttp.ClientTimeout(
            total=request_timeout, sock_connect=connect_timeout
        )
        self._watch_timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_timeout, sock_read=inactivity_timeout
        )
        self._stream_timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout)
        context = tls_context(connection)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=context if context is not None else True,
                limit=connections,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
            ),
            # Compression costs both sides more CPU than a cluster's network costs time.
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": user_agent,
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=connection.proxy_url,
            read_bufsize=READ_BUFFER,
            trust_env=False,
        )

    async def send(self, request: Request) -> Response:
        """One request, one answer."""
        try:
            token = await self._tokens.current()
            response = await self._send(request, token)
            if response.status == 401:
                renewed = await self._tokens.after_unauthorized(token)
                if renewed is not None:
                    response = await self._send(request, renewed)
        except _TROUBLE as error:
            raise _no_answer(request, error) from error
        return response

    async def watch(self, request: Request) -> AsyncIterator[bytes]:
        """The lines of a watch, as they come."""
        splitter = LineSplitter()
        try:
            with _hung_up(await self._open(request, self._watch_timeout)) as answer:
                async for chunk in answer.content.iter_any():
                    for line in splitter.feed(chunk):
                        yield line
        except LineTooLongError as error:
            raise TransportError(f"watch {request.path}: {error}") from error
        except _TROUBLE as error:
            raise _no_answer(request, error) from error

    async def stream(self, request: Request) -> AsyncIterator[bytes]:
        """The bytes of an answer as they come, however long it is silent: a log that is followed.

        Raises `WatchRefused` for a status other than 200.
        """
        try:
            with _hung_up(await self._open(request, self._stream_timeout)) as answer:
                async for chunk in answer.content.iter_any():
                    yield chunk
        except _TROUBLE as error:
            raise _no_answer(request, error) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _open(
        self, request: Request, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        token = await self._tokens.current()
        answer = await self._request(request, token, limits)
        if answer.status == 401:
            renewed = await self._tokens.after_unauthorized(token)
            if renewed is not None:
                answer.release()
                answer = await self._request(request, renewed, limits)
        if answer.status != 200:
            async with answer:
                raise WatchRefused(await _read(answer))
        return answer

    async def _send(self, request: Request, token: str | None) -> Response:
        async with await self._request(request, token, self._request_timeout) as answer:
            return await _read(answer)

    async def _request(
        self, request: Request, token: str | None, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        url = self._base + request.path
        if request.query:
            url += "?" + urlencode(request.query)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        return await self._session.request(
            request.method,
            URL(url, encoded=True),  # names are DNS labels and the query is encoded above
            data=_payload(request.body),
            headers=headers,
            timeout=limits,
            server_hostname=self._server_name,
            allow_redirects=False,
        )


@contextmanager
def _hung_up(answer: aiohttp.ClientResponse) -> Iterator[aiohttp.ClientResponse]:
    """An answer that may go on for ever; in the end its connection is cut.

    Without the farewell of TLS: who waits for that may wait long, and a program that ends meanwhile
    would leave the socket open.
    """
    try:
        yield answer
    finally:
        connection = answer.connection
        transport = connection.transport if connection is not None else None
        answer.close()
        if transport is not None:
            transport.abort()


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """A large body as a stream: aiohttp sends it in pieces, and warns of one that it cannot."""
    return io.BytesIO(body) if body is not None and len(body) > LARGE_BODY else body


async def _read(answer: aiohttp.ClientResponse) -> Response:
    return Response(answer.status, await answer.read(), _seconds(answer.headers.get("Retry-After")))


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds; the date form is not used by the API server."""
    return float(header) if header is not None and header.isdecimal() else None


def _no_answer(request: Request, error: BaseException) -> TransportError:
    return TransportError(f"{request.method} {request.path}: {type(error).__name__}: {error}")
