"""The recorder as a process: its port, its database, its signals.

It starts without its database, and without an API server, and waits for both; it is alive while it
waits, and ready when it has listed everything. A database that it can never use (another release's
tables, a bad address) ends it, with the cure.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import prometheus_client
import uvloop

from jobflows import __version__
from jobflows.archive import Archive, ArchiveError, Fact
from jobflows.archive.errors import UnansweredError
from jobflows.archive.pruning import prune
from jobflows.cluster.clock import SystemClock
from jobflows.cluster.http import AiohttpTransport
from jobflows.cluster.login import Connection, LoginError, connect
from jobflows.controller import logs
from jobflows.controller.lifetime import wait_for_server
from jobflows.controller.settings import Settings
from jobflows.controller.web import serve
from jobflows.recorder.metrics import RecorderMetrics
from jobflows.recorder.recorder import Recorder

TRY_AGAIN = 5.0
PRUNE_PERIOD = 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is recorded, and where: spans in seconds, `retention` None for ever."""

    database: str
    retention: float | None
    origin: str
    usage_period: float


def run(settings: Settings, wanted: Wanted) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code."""
    logs.configure(settings.log_format, settings.log_level)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call] # twice the series
    log.info("jobflow-recorder %s", __version__)
    try:
        connection = connect(settings.kubeconfig, settings.context)
    except LoginError as error:
        log.error("no way to the API server: %s", error)
        return 1
    failed = False
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_until_told(settings, connection, wanted))
        except* (ArchiveError, OSError) as errors:
            log.error("%s", errors.exceptions[0])
            failed = True
    log.info("stopped")
    return int(failed)


async def _until_told(settings: Settings, connection: Connection, wanted: Wanted) -> None:
    work = asyncio.create_task(_work(settings, connection, wanted))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work


async def _work(settings: Settings, connection: Connection, wanted: Wanted) -> None:
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    metrics = RecorderMetrics(registry, time.time)
    checks = {"flows": False}
    recorder: Recorder | None = None

    def ready() -> dict[str, bool]:
        return checks if recorder is None else recorder.checks()

    async with serve(settings.metrics_endpoint, registry=registry, live=dict, ready=ready):
        archive = await _open(wanted.database)
        transport = AiohttpTransport(connection)
        try:
            await wait_for_server(transport, connection.server)

            async def write(facts: Sequence[Fact]) -> int:
                return await asyncio.to_thread(archive.write, facts)

            recorder = Recorder(
                transport,
                write,
                clock=SystemClock(),
                rng=random.Random(),
                metrics=metrics,
                namespace=settings.watch_namespace,
                origin=wanted.origin,
                usage_period=wanted.usage_period,
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(recorder.run())
                if wanted.retention is not None:
                    group.create_task(_prune(archive, wanted.retention))
        finally:
            await transport.close()
            archive.close()


async def _open(database: str) -> Archive:
    """Wait for the database. Raises `ArchiveError` for one that is not to be had ever."""
    while True:
        try:
            return await asyncio.to_thread(Archive.open, database, migrate=True)
        except UnansweredError as error:
            log.warning("%s; trying again in %g s", error, TRY_AGAIN)
        await asyncio.sleep(TRY_AGAIN)


async def _prune(archive: Archive, retention: float) -> None:
    while True:
        now = time.time()
        try:
            removed = await asyncio.to_thread(prune, archive, before=now - retention, now=now)
        except ArchiveError as error:
            log.warning("what is old is not removed: %s", error)
        else:
            log.debug("%d flows are removed", removed)
        await asyncio.sleep(PRUNE_PERIOD)
