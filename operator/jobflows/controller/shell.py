"""kopf as the shell: it owns the process (signals, startup, cleanup, login), not the work.

kopf's own machinery for objects is not used, because it would be in the way (all seen on 1.45):
each event costs five deep copies of the object and a task per object, a relist after 410 reports no
deletions, and any other ERROR in a watch ends the operator. The core lists and watches by itself
(`jobflows.cluster`), and runs as one task between kopf's startup and cleanup activities.

What is left of kopf is kept from doing harm:
- no resource handlers, `standalone`, and scanning disabled: it watches neither CRDs nor namespaces
  and needs no RBAC beyond the discovery that every service account may read;
- that discovery, once at start, is retried for ever: kopf's default gives up and ends the process;
- a refused login is tried again with new credentials and a pause: kopf's default ends the process;
- events are not posted by kopf, and nothing is stored in annotations;
- startup and cleanup fail at once: kopf's default is to try again in a minute.
At its end kopf waits five seconds for tasks it does not know, and the one that waits for its own
stop flag is among them. So everything of ours is over when cleanup ends, and the flag is raised.

Exit code 0 after SIGTERM or SIGINT, when all was written; 1 with the error logged otherwise.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import aiohttp
import prometheus_client
import uvloop

from jobflows import __version__
from jobflows.cluster.clock import SystemClock
from jobflows.cluster.credentials import TokenSource
from jobflows.cluster.login import Connection, LoginError, connect
from jobflows.cluster.tls import tls_context
from jobflows.cluster.transport import Transport
from jobflows.controller import logs
from jobflows.controller.kopf_alone import Identity, kopf
from jobflows.controller.lifetime import Core, Lifetime, MakeCore
from jobflows.controller.metrics import Metrics
from jobflows.controller.settings import Settings

KILL_SECONDS = 20.0  # should stopping hang for good, kopf kills the process
RELOGIN_SECONDS = 10.0

log = logging.getLogger(__name__)


def run(settings: Settings, make_core: MakeCore | None = None) -> int:
    """Run the operator until it is told to stop; returns the exit code."""
    logs.configure(settings.log_format, settings.log_level)
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call] # twice the series
    log.info("jobflow-operator %s, identity %s", __version__, settings.identity)
    try:
        connection = connect(settings.kubeconfig, settings.context)
    except LoginError as error:
        log.error("no way to the API server: %s", error)
        return 1
    tune_garbage_collection()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(operate(settings, connection, make_core or operator_core))


def tune_garbage_collection() -> None:
    """Have the cyclic collector leave alone what stays.

    Records are acyclic and live long; looking at all of them after every 700 new objects costs more
    than half of a large list's decoding, and finds nothing.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def operate(
    settings: Settings,
    connection: Connection,
    make_core: MakeCore,
    *,
    stop: asyncio.Event | None = None,
) -> int:
    """The same inside a running loop; `stop` does what SIGTERM does. Returns the exit code."""
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    prometheus_client.GCCollector(registry=registry)
    flag = stop if stop is not None else asyncio.Event()
    if settings.lease_namespace is None:
        place = settings.pod_namespace or connection.namespace
        settings = replace(settings, lease_namespace=place)
    life = Lifetime(settings, connection, Metrics(registry), make_core, ended=flag)
    try:
        await kopf.operator(
            registry=handlers(life, connection),
            settings=kopf_settings(),
            # Else kopf looks the user up, and a platform that chooses users has them on no list.
            identity=Identity(settings.identity),
            standalone=True,
            clusterwide=True,
            stop_flag=flag,
        )
    except Exception as error:
        log.error("the operator failed: %s", _root(error), exc_info=error)
        return 1
    finally:
        await life.stop()
    log.info("stopped" if life.failure is None else "stopped after a failure")
    return 0 if life.failure is None else 1


def operator_core(transport: Transport, settings: Settings, metrics: Metrics) -> Core:
    """The real core, with the real clock and real randomness."""
    from jobflows.controller.operator import Operator  # noqa: PLC0415 - not needed by the tests
    from jobflows.controller.replica import Replica  # noqa: PLC0415

    clock, rng = SystemClock(), random.Random()
    if settings.leader_elect and not settings.dry_run:  # which writes nothing, and no Lease either
        return Replica(transport, settings=settings, metrics=metrics, clock=clock, rng=rng)
    metrics.expect_shards(1)
    metrics.leads(0, yes=True)
    return Operator(transport, settings=settings, metrics=metrics, clock=clock, rng=rng)


def kopf_settings() -> kopf.OperatorSettings:
    """kopf with everything off that would talk to the API server or wait for long."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.posting.loggers = False
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    settings.networking.error_backoffs = ForEver()
    settings.networking.connect_timeout = 5.0
    settings.networking.request_timeout = 30.0
    settings.process.ultimate_exiting_timeout = KILL_SECONDS
    return settings


def handlers(life: Lifetime, connection: Connection) -> kopf.OperatorRegistry:
    """A registry of activities only."""
    registry = kopf.OperatorRegistry()
    logins = 0

    @kopf.on.startup(registry=registry, id="start", errors=kopf.ErrorsMode.PERMANENT)
    async def start(**_: Any) -> None:
        await life.start()

    @kopf.on.cleanup(registry=registry, id="stop", errors=kopf.ErrorsMode.PERMANENT)
    async def stop(**_: Any) -> None:
        await life.stop()

    @kopf.on.login(registry=registry, id="login", errors=kopf.ErrorsMode.PERMANENT)
    async def login(**_: Any) -> kopf.AiohttpSession:
        nonlocal logins
        logins += 1
        if logins > 1:  # the last session was answered 401; a token may be renewed by now
            await asyncio.sleep(RELOGIN_SECONDS)
        return kopf.AiohttpSession(
            server=connection.server,
            default_namespace=connection.namespace,
            aiohttp_session=session(connection),
        )

    return registry


def session(connection: Connection) -> aiohttp.ClientSession:
    """kopf's session: our trust, our token as it is at each request, our server name."""
    tokens = TokenSource(connection)

    async def authorise(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        token = await tokens.current()
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        request.server_hostname = connection.tls_server_name
        return await handler(request)

    context = tls_context(connection)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context if context is not None else True, limit=4),
        headers={"User-Agent": f"jobflows/{__version__}"},
        middlewares=(authorise,),
        proxy=connection.proxy_url,
        trust_env=False,
    )


class ForEver(Iterable[float]):
    """Waits between kopf's tries, in seconds, without an end."""

    def __iter__(self) -> Iterator[float]:
        yield from (1.0, 2.0, 5.0, 10.0, 20.0)
        while True:
            yield 30.0


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers no last state of an object, and spares the copy of it."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        """Nothing to store."""


class NoProgress(kopf.ProgressStorage):
    """Remembers no progress of handlers: there are none that could fail half-way."""

    def fetch(self, **_: Any) -> kopf.ProgressRecord | None:
        return None

    def store(self, **_: Any) -> None:
        """Nothing to store."""

    def purge(self, **_: Any) -> None:
        """Nothing to remove."""

    def touch(self, **_: Any) -> None:
        """Nothing to touch."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


def _root(error: BaseException) -> str:
    """kopf wraps a handler's error in one that says nothing; the cause is what matters."""
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {cause}"
