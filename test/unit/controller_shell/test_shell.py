"""The process from start to end: kopf around a core that is only pretended, over loopback."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from cluster.ports import free_ports
from jobflows.cluster.login import Connection
from jobflows.cluster.transport import Request, Response, Transport, TransportError
from jobflows.controller import lifetime, shell
from jobflows.controller.lifetime import Lifetime, wait_for_server
from jobflows.controller.metrics import Metrics
from jobflows.controller.settings import Settings
from jobflows.webhook import certificates
from model.virtual_time import run as run_virtually
from unit.api.flows import flow
from unit.webhook.authority import TestAuthority
from unit.webhook.reviews import encoded, response, review

NOWHERE = "http://127.0.0.1:1"
CLOSED = Settings(metrics_address="127.0.0.1:0", identity="test")


class PretendedCore:
    """Runs until stopped, and remembers. `dies` ends it early, with an error or without."""

    def __init__(self, *, dies: Exception | None = None, returns: bool = False) -> None:
        self.running = asyncio.Event()
        self.told_to_stop = asyncio.Event()
        self.flushed = False
        self._dies = dies
        self._returns = returns

    async def run(self) -> None:
        self.running.set()
        if self._dies is not None:
            raise ExceptionGroup("task group", [self._dies])
        if self._returns:
            return
        await self.told_to_stop.wait()
        await asyncio.sleep(0.05)
        self.flushed = True

    async def stop(self) -> None:
        self.told_to_stop.set()

    def checks(self) -> Mapping[str, bool]:
        return {"flows": self.running.is_set()}

    def alive(self) -> Mapping[str, bool]:
        return {"worker": True}


class Run:
    """One `operate` under way."""

    def __init__(self, server: str, make: Callable[[], PretendedCore] = PretendedCore) -> None:
        self.stop = asyncio.Event()
        self.core: PretendedCore | None = None
        self.made = asyncio.Event()
        self._make = make
        self.task = asyncio.create_task(
            shell.operate(CLOSED, Connection(server=server), self._core, stop=self.stop)
        )

    def _core(self, transport: Transport, settings: Settings, metrics: Metrics) -> PretendedCore:
        self.core = self._make()
        self.made.set()
        return self.core

    async def up(self) -> PretendedCore:
        await self.made.wait()
        assert self.core is not None
        await self.core.running.wait()
        return self.core


@asynccontextmanager
async def api_server(seen: list[str] | None = None) -> AsyncIterator[str]:
    """As much of an API server as kopf asks for."""

    async def answer(request: web.Request) -> web.Response:
        if seen is not None:
            seen.append(request.path)
        if request.path == "/api":
            return web.json_response({"versions": ["v1"]})
        if request.path == "/apis":
            return web.json_response({"groups": []})
        return web.json_response({"resources": []})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.01)


def within(seconds: float, scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, seconds))


def test_a_clean_stop_flushes_and_exits_with_0() -> None:
    async def scenario() -> None:
        async with api_server() as server:
            run = Run(server)
            core = await run.up()
            await asyncio.sleep(0.2)  # let kopf get as far as its discovery
            run.stop.set()
            assert await run.task == 0
            assert core.flushed

    within(4, scenario())


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals need the main thread"
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_clean_stop(number: signal.Signals) -> None:
    async def scenario() -> None:
        async with api_server() as server:
            run = Run(server)
            core = await run.up()
            os.kill(os.getpid(), number)
            assert await run.task == 0
            assert core.flushed

    within(4, scenario())


def test_kopf_watches_nothing() -> None:
    async def scenario() -> None:
        seen: list[str] = []
        async with api_server(seen) as server:
            run = Run(server)
            await run.up()
            await until(lambda: "/api/v1" in seen)
            await asyncio.sleep(0.1)
            run.stop.set()
            await run.task
        assert set(seen) == {"/version", "/api", "/apis", "/api/v1"}

    within(4, scenario())


def test_a_core_that_dies_ends_the_process_with_1(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with api_server() as server:
            run = Run(server, lambda: PretendedCore(dies=RuntimeError("went back in time")))
            assert await run.task == 1

    within(4, scenario())
    assert "RuntimeError: went back in time" in caplog.text


def test_a_core_that_just_ends_is_a_failure_too(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with api_server() as server:
            assert await Run(server, lambda: PretendedCore(returns=True)).task == 1

    within(4, scenario())
    assert "without being asked to" in caplog.text


def test_without_an_api_server_it_lives_waits_and_stops_quickly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        run = Run(NOWHERE)
        await until(lambda: "trying again" in caplog.text)
        assert not run.task.done()
        assert run.core is None
        run.stop.set()
        assert await run.task == 0

    caplog.set_level(logging.INFO)
    within(3, scenario())


def test_a_taken_port_ends_the_process_with_1(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with api_server() as server:
            address = server.removeprefix("http://")
            settings = Settings(metrics_address=address, identity="test")
            connection = Connection(server=server)
            code = await shell.operate(settings, connection, lambda *_: PretendedCore())
            assert code == 1

    within(4, scenario())
    assert "OSError" in caplog.text
    assert "address already in use" in caplog.text


def test_a_certificate_that_cannot_be_used_ends_the_process_with_1(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "junk.pem").write_text("junk")
    connection = Connection(server="https://nobody.invalid", cert_file=str(tmp_path / "junk.pem"))

    async def scenario() -> None:
        assert await shell.operate(CLOSED, connection, lambda *_: PretendedCore()) == 1

    within(4, scenario())
    assert "junk.pem" in caplog.text


def a_lifetime(server: str, core: PretendedCore, settings: Settings = CLOSED) -> Lifetime:
    metrics = Metrics(CollectorRegistry())
    connection = Connection(server=server)
    return Lifetime(settings, connection, metrics, lambda *_: core, ended=asyncio.Event())


async def probe(port: int | None, path: str) -> tuple[int, dict[str, bool]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        return answer.status, (await answer.json())["checks"]


def test_probes_before_during_and_after() -> None:
    async def scenario() -> None:
        core = PretendedCore()
        waiting = a_lifetime(NOWHERE, core)
        start = asyncio.create_task(waiting.start())
        await until(lambda: waiting.port is not None)
        assert (await probe(waiting.port, "/healthz"))[0] == 200
        status, checks = await probe(waiting.port, "/readyz")
        assert status == 503
        assert not checks["api_server"]
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start

        async with api_server() as server:
            life = a_lifetime(server, core)
            await life.start()
            await core.running.wait()
            assert (await probe(life.port, "/readyz"))[0] == 200
            assert (await probe(life.port, "/healthz"))[1] == {"core": True, "worker": True}
            await life.stop()
            assert not life.ready()["running"]
            with pytest.raises(aiohttp.ClientConnectionError):
                await probe(life.port, "/healthz")

    within(4, scenario())


def test_the_core_does_not_wait_for_the_certificate_of_the_webhook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        core, authority = PretendedCore(), TestAuthority()
        (port,) = free_ports(1)
        settings = replace(CLOSED, webhook_port=port, webhook_certificates=str(tmp_path))
        async with api_server() as server:
            life = a_lifetime(server, core, settings)
            await life.start()
            await core.running.wait()
            status, checks = await probe(life.port, "/readyz")
            assert (status, checks["webhook"], checks["flows"]) == (503, False, True)
            assert (await probe(life.port, "/healthz"))[0] == 200
            authority.write(tmp_path)
            await until(lambda: life.ready()["webhook"])
            connector = aiohttp.TCPConnector(ssl=authority.trust())
            async with aiohttp.ClientSession(connector=connector) as session:
                body = encoded(review(flow()))
                answer = await session.post(f"https://127.0.0.1:{port}/default", data=body)
                assert response(await answer.read())["allowed"]
            assert (await probe(life.port, "/readyz"))[0] == 200
            await life.stop()

    monkeypatch.setattr(certificates, "PERIOD", 0.02)
    within(4, scenario())


def test_nobody_is_ready_before_the_webhook_and_the_core_are_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        (port,) = free_ports(1)
        settings = replace(CLOSED, webhook_port=port, webhook_certificates=str(tmp_path))
        seen: list[bool] = []

        def make(*_: object) -> PretendedCore:
            seen.append(all(life.ready().values()))
            return PretendedCore()

        async with api_server() as server:
            connection, metrics = Connection(server=server), Metrics(CollectorRegistry())
            life = Lifetime(settings, connection, metrics, make, ended=asyncio.Event())
            start = asyncio.create_task(life.start())
            while not start.done():
                seen.append(all(life.ready().values()))
                await asyncio.sleep(0)
            await start
            await life.stop()
        assert seen
        assert not any(seen)

    within(4, scenario())


def test_a_taken_port_of_the_webhook_ends_the_process_with_1(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with api_server() as server:
            taken = int(server.rpartition(":")[2])
            settings = replace(CLOSED, webhook_port=taken, webhook_certificates=str(tmp_path))
            connection = Connection(server=server)
            code = await shell.operate(settings, connection, lambda *_: PretendedCore())
            assert code == 1

    within(4, scenario())
    assert "address already in use" in caplog.text


def test_a_core_that_does_not_stop_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Stubborn(PretendedCore):
        async def stop(self) -> None:
            pass

    async def scenario() -> None:
        async with api_server() as server:
            life = a_lifetime(server, Stubborn())
            await life.start()
            await life.stop()
            assert isinstance(life.failure, lifetime.StopTimeoutError)

    monkeypatch.setattr(lifetime, "STOP_SECONDS", 0.1)
    within(4, scenario())
    assert "did not stop within 0.1 s" in caplog.text


class Flaky(Transport):
    """Answers with these, one a call: a status or no answer."""

    def __init__(self, *answers: int | None) -> None:
        self.answers = list(answers)

    async def send(self, request: Request) -> Response:
        status = self.answers.pop(0)
        if status is None:
            raise TransportError("GET /version: connection refused")
        return Response(status, b"{}")

    def watch(self, request: Request) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def test_the_wait_for_the_server_logs_one_line_a_try(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(*_: object) -> list[int | None]:
        transport = Flaky(None, 503, 401, 429, 403, 200)
        await wait_for_server(transport, "https://api")
        return transport.answers

    caplog.set_level(logging.WARNING)
    assert run_virtually(scenario, seed=1) == [200]  # 403 is an answer
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 4
    assert "connection refused; trying again in" in lines[0]
    assert "HTTP 401" in lines[2]


def test_a_connection_that_cannot_be_made_exits_with_1(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers, level = list(logging.root.handlers), logging.root.level
    try:
        code = shell.run(Settings(kubeconfig=str(tmp_path / "none"), identity="test"))
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        logging.captureWarnings(capture=False)
    assert code == 1
    assert "no such kubeconfig" in capsys.readouterr().err


def test_kopf_sends_our_token_and_asks_for_our_server_name(tmp_path: Any) -> None:
    async def scenario() -> None:
        headers: list[str | None] = []
        token = tmp_path / "token"
        token.write_text("abc")

        async def answer(request: web.Request) -> web.Response:
            headers.append(request.headers.get("Authorization"))
            return web.json_response({})

        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server = f"http://127.0.0.1:{runner.addresses[0][1]}"
        connection = Connection(server=server, token_file=str(token))
        async with shell.session(connection) as session, session.get(server) as reply:
            assert reply.status == 200
        await runner.cleanup()
        assert headers == ["Bearer abc"]

    within(4, scenario())


def test_the_operator_takes_no_client_but_its_own() -> None:
    heavy = "{'kubernetes', 'requests', 'networkx', 'cel', 'jsonpath', 'sqlalchemy', 'fastapi'}"
    modules = "jobflows.controller.shell, jobflows.controller.replica"
    program = (
        f"import sys, {modules}; assert not {heavy} & sys.modules.keys(); "
        "import kubernetes.client"  # what a kubeconfig with a login plugin needs
    )
    subprocess.run([sys.executable, "-c", program], check=True)
