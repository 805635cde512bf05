"""The operator's own HTTP port: /metrics for Prometheus, the probes for the kubelet, /version.

Served from the operator's event loop, so that an answer from /healthz is itself proof that the loop
turns. Rule: a probe says which check failed, in JSON, and answers 503 when one did. kopf's liveness
server is not used: it has neither readiness nor metrics.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from jobflows import __version__

Checks = Callable[[], Mapping[str, bool]]

LAG_PERIOD = 0.25
SHUTDOWN_SECONDS = 1.0

_encode = msgspec.json.Encoder().encode


@asynccontextmanager
async def serve(
    address: tuple[str | None, int], *, registry: CollectorRegistry, live: Checks, ready: Checks
) -> AsyncIterator[int]:
    """Serve while the block runs; yields the bound port. OSError names an address in use."""
    runner = web.AppRunner(
        application(registry, live, ready),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, *address).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def application(registry: CollectorRegistry, live: Checks, ready: Checks) -> web.Application:
    """The routes, for `serve` and for tests."""

    async def metrics(request: web.Request) -> web.Response:
        encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
        # A tenth of a second with a hundred namespaces: too long for the loop to stand still.
        body = await asyncio.to_thread(encoder, registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def healthz(_: web.Request) -> web.Response:
        return _verdict(live())

    async def readyz(_: web.Request) -> web.Response:
        return _verdict(ready())

    async def version(_: web.Request) -> web.Response:
        return _json({"version": __version__, "python": platform.python_version()}, 200)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/version", version)
    return app


async def sample_lag(observe: Callable[[float], None], period: float = LAG_PERIOD) -> None:
    """Tell `observe`, every `period` seconds, how many seconds too late the event loop woke us."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + period
        await asyncio.sleep(period)
        observe(max(0.0, loop.time() - due))


def _verdict(checks: Mapping[str, bool]) -> web.Response:
    passed = all(checks.values())
    body = {"status": "ok" if passed else "failing", "checks": dict(checks)}
    return _json(body, 200 if passed else 503)


def _json(body: object, status: int) -> web.Response:
    return web.Response(body=_encode(body), status=status, content_type="application/json")
