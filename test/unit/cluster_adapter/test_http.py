"""The aiohttp transport against a server on loopback: answers, streams, tokens, TLS, silence."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from jobflows.cluster import Connection, LoginError, Request, Response, TransportError, WatchRefused
from jobflows.cluster.http import AiohttpTransport
from jobflows.cluster.tls import tls_context

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(
    handler: Handler, server_tls: ssl.SSLContext | None = None, timeouts: Any = None, **more: Any
) -> AsyncIterator[AiohttpTransport]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_tls)
    await site.start()
    host, port = runner.addresses[0][:2]
    scheme = "https" if server_tls else "http"
    transport = AiohttpTransport(
        Connection(server=f"{scheme}://{host}:{port}", **more), **(timeouts or {})
    )
    try:
        yield transport
    finally:
        await transport.close()
        await runner.cleanup()


async def _stream(request: web.Request, *chunks: bytes) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for chunk in chunks:
        await answer.write(chunk)
    return answer


def test_a_request_arrives_as_it_was_made_and_any_status_is_an_answer() -> None:
    seen: dict[str, Any] = {}

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.update(request.query, method=request.method, path=request.path)
        seen.update(body=await request.read(), headers=request.headers.copy())
        return web.Response(status=429, body=b"busy", headers={"Retry-After": "3"})

    async def scenario() -> Response:
        async with serving(handler, token="t0") as transport:
            query = {"labelSelector": "a in (b, c),!d", "continue": "x+/="}
            return await transport.send(
                Request("PATCH", "/apis/x", query, b"{}", "application/merge-patch+json")
            )

    assert asyncio.run(scenario()) == Response(429, b"busy", 3.0)
    assert (seen["method"], seen["path"], seen["body"]) == ("PATCH", "/apis/x", b"{}")
    assert (seen["labelSelector"], seen["continue"]) == ("a in (b, c),!d", "x+/=")
    assert seen["headers"]["Content-Type"] == "application/merge-patch+json"
    assert seen["headers"]["Authorization"] == "Bearer t0"


def test_lines_are_whole_whatever_their_size_and_chunks() -> None:
    lines = [b"a" * 10, b"b" * 70_000, b"c" * 3_000_000, b"d"]
    stream = b"\n".join(lines) + b"\n" + b"half a line"

    async def handler(request: web.Request) -> web.StreamResponse:
        step = 100_001
        return await _stream(request, *(stream[i : i + step] for i in range(0, len(stream), step)))

    async def scenario() -> list[bytes]:
        async with serving(handler) as transport:
            return [line async for line in transport.watch(Request("GET", "/w"))]

    assert asyncio.run(scenario()) == lines


def test_a_refused_watch_carries_the_answer() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(status=410, body=b"old")

    async def scenario() -> None:
        async with serving(handler) as transport:
            async for _ in transport.watch(Request("GET", "/w")):
                pass

    with pytest.raises(WatchRefused) as caught:
        asyncio.run(scenario())
    assert caught.value.response == Response(410, b"old")


def test_a_silent_watch_is_cut() -> None:
    seen: list[bytes] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = await _stream(request, b"one\n")
        await asyncio.Event().wait()
        return answer

    async def scenario() -> None:
        async with serving(handler, timeouts={"inactivity_timeout": 0.05}) as transport:
            async for line in transport.watch(Request("GET", "/w")):
                seen.append(line)

    with pytest.raises(TransportError, match="GET /w"):
        asyncio.run(scenario())
    assert seen == [b"one"]


def test_no_answer_in_time_and_no_server_at_all_are_transport_errors() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def scenario() -> None:
        async with serving(handler, timeouts={"request_timeout": 0.05}) as transport:
            with pytest.raises(TransportError):
                await transport.send(Request("GET", "/x"))
        nobody = AiohttpTransport(Connection(server="http://127.0.0.1:1"))
        with pytest.raises(TransportError, match="GET /x"):
            await nobody.send(Request("GET", "/x"))
        await nobody.close()

    asyncio.run(scenario())


def test_a_connection_broken_in_a_stream_is_a_transport_error() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = await _stream(request, b"one\n")
        assert request.transport is not None
        request.transport.abort()
        return answer

    async def scenario() -> None:
        async with serving(handler) as transport:
            async for _ in transport.watch(Request("GET", "/w")):
                pass

    with pytest.raises(TransportError):
        asyncio.run(scenario())


@pytest.mark.parametrize("watching", [False, True])
def test_a_rotated_token_is_read_again_on_401(tmp_path: Path, watching: bool) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    used: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        used.append(request.headers["Authorization"])
        if used[-1] == "Bearer old":
            file.write_text("new")
            return web.Response(status=401)
        return await _stream(request, b"ok\n")

    async def scenario() -> bytes:
        async with serving(handler, token_file=str(file)) as transport:
            request = Request("GET", "/x")
            if watching:
                return b"".join([line async for line in transport.watch(request)])
            return (await transport.send(request)).body.strip()

    assert asyncio.run(scenario()) == b"ok"
    assert used == ["Bearer old", "Bearer new"]


def test_a_401_with_the_same_token_is_an_answer(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    used: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        used.append(request.headers["Authorization"])
        return web.Response(status=401)

    async def scenario() -> int:
        async with serving(handler, token_file=str(file)) as transport:
            return (await transport.send(Request("GET", "/x"))).status

    assert asyncio.run(scenario()) == 401
    assert used == ["Bearer old"]


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    folder = tmp_path_factory.mktemp("pem")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=kubernetes", "-addext", "subjectAltName=DNS:kubernetes"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    files = ["-nodes", "-days", "2", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command, *subject, *files], check=True, capture_output=True)
    return cert, key


def test_the_server_is_verified_and_the_client_shows_its_certificate(
    pem: tuple[Path, Path],
) -> None:
    cert, key = pem
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(cert))
    server.load_cert_chain(cert, key)
    server.verify_mode = ssl.CERT_REQUIRED

    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        shown = request.transport.get_extra_info("peercert")["subject"]
        return web.Response(text=dict(pair[0] for pair in shown)["commonName"])

    async def scenario() -> None:
        client = {"cert_data": cert.read_bytes(), "key_data": key.read_bytes()}
        trusted = {"ca_data": cert.read_bytes(), "tls_server_name": "kubernetes", **client}
        async with serving(handler, server, **trusted) as transport:
            assert (await transport.send(Request("GET", "/x"))).body == b"kubernetes"
        async with serving(handler, server, insecure=True, **client) as transport:
            assert (await transport.send(Request("GET", "/x"))).status == 200
        async with serving(handler, server, ca_data=cert.read_bytes(), **client) as transport:
            with pytest.raises(TransportError, match=r"(?i)certificate"):
                await transport.send(Request("GET", "/x"))

    asyncio.run(scenario())


def test_unusable_certificates_are_login_errors_that_say_which(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    server = "https://k8s"
    with pytest.raises(LoginError, match=r"certificate authority .*junk\.pem"):
        tls_context(Connection(server=server, ca_file=str(junk)))
    with pytest.raises(LoginError, match=r"client certificate .*junk\.pem"):
        tls_context(Connection(server=server, cert_file=str(junk), key_file=str(junk)))
    assert tls_context(Connection(server="http://k8s")) is None


def test_a_token_needs_no_place_to_write_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "read-only"))
    assert tls_context(Connection(server="https://k8s", token="secret")) is not None
    data = Connection(server="https://k8s", cert_data=b"junk", key_data=b"junk")
    with pytest.raises(LoginError, match="read-only"):
        tls_context(data)
