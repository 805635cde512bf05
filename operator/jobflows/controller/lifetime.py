"""What is started, in which order, and how it ends: the operator's life without kopf around it.

Driven by `shell.py`: `start` from kopf's startup activity, `stop` from its cleanup. The order:
1. the port, so that the kubelet sees a live process that is not ready yet;
2. the wait for an API server that answers, one log line a try, for as long as it takes;
3. the admission webhook, if one is wanted: the core does not wait for its certificate;
4. the core, as a task in the same event loop.
Backwards at the end: the core finishes what is in flight and writes the statuses it holds back,
within `STOP_SECONDS`; then the connection and the port are closed. Rule: a core that ends without
being asked to is a failure, and ends the process; a half-dead operator helps nobody.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from jobflows.cluster.backoff import Backoff
from jobflows.cluster.client import Client
from jobflows.cluster.http import AiohttpTransport
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.login import Connection
from jobflows.cluster.transport import Request, Transport, TransportError
from jobflows.controller.metrics import Metrics
from jobflows.controller.settings import Settings
from jobflows.controller.web import sample_lag, serve

if TYPE_CHECKING:
    from jobflows.webhook import life as webhook

STOP_SECONDS = 9.0  # of the pod's 30
WEBHOOK_CALLS = 16
BACKOFF_BASE = 0.5
BACKOFF_CAP = 15.0

log = logging.getLogger(__name__)


class Core(Protocol):
    """What is kept alive here: the operator proper (`operator.py`)."""

    async def run(self) -> None:
        """Work until cancelled, or until `stop` has ended it in good order."""
        ...

    async def stop(self) -> None:
        """Have `run` finish what is in flight, write what is held back, and return."""
        ...

    def checks(self) -> Mapping[str, bool]:
        """What must hold for readiness, e.g. that the informers have listed."""
        ...

    def alive(self) -> Mapping[str, bool]:
        """What must hold for the process not to be killed."""
        ...


MakeCore = Callable[[Transport, Settings, Metrics], Core]


class StopTimeoutError(RuntimeError):
    """The core did not finish in time; what it held back is decided anew by its successor."""


class Lifetime:
    """One run. `ended` is set when it is over or the core died; `failure` tells them apart."""

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        metrics: Metrics,
        make_core: MakeCore,
        *,
        ended: asyncio.Event,
    ) -> None:
        self.failure: BaseException | None = None
        self.port: int | None = None
        self._ended = ended
        self._settings = settings
        self._connection = connection
        self._metrics = metrics
        self._make_core = make_core
        self._stack = AsyncExitStack()
        self._core: Core | None = None
        self._webhook: webhook.Webhook | None = None
        self._task: asyncio.Task[None] | None = None
        self._reached = False
        self._stopping = False

    async def start(self) -> None:
        """Raises OSError if the port is taken. Cancelled or failed, it leaves nothing behind."""
        try:
            self.port = await self._stack.enter_async_context(
                serve(
                    self._settings.metrics_endpoint,
                    registry=self._metrics.registry,
                    live=self.live,
                    ready=self.ready,
                )
            )
            lag = asyncio.create_task(sample_lag(self._metrics.event_loop_lag), name="loop lag")
            self._stack.push_async_callback(_cancelled, lag)
            transport = AiohttpTransport(self._connection)
            self._stack.push_async_callback(transport.close)
            await wait_for_server(transport, self._connection.server)
            self._reached = True
            if self._settings.webhook_port:
                self._webhook = await self._stack.enter_async_context(self._serve(transport))
                self._metrics.watch_certificate(self._webhook.expires)
            self._core = self._make_core(transport, self._settings, self._metrics)
            self._task = asyncio.create_task(self._core.run(), name="operator core")
            self._task.add_done_callback(self._core_ended)
        except BaseException as error:
            if isinstance(error, Exception):
                self.failure = error  # kopf may see that it is to end before it sees why
            await self.stop()
            raise

    async def stop(self) -> None:
        """Flush and close, in order; harmless when nothing runs or when called again."""
        self._stopping = True
        try:
            if self._core is not None and self._task is not None and not self._task.done():
                await self._stop_core(self._core, self._task)
        finally:
            self._ended.set()
            await self._stack.aclose()

    def live(self) -> dict[str, bool]:
        """The checks of /healthz. A process that waits for its API server is alive."""
        checks = {"core": self._task is None or self._stopping or not self._task.done()}
        if self._core is not None and not self._stopping:
            checks |= self._core.alive()
        return checks

    def ready(self) -> dict[str, bool]:
        """The checks of /readyz."""
        checks = {
            "api_server": self._reached,
            "started": self._core is not None,  # a webhook before it may take a second to come up
            "running": not self._stopping,
        }
        if self._webhook is not None:
            checks |= self._webhook.checks()
        if self._core is not None:
            checks |= self._core.checks()
        return checks

    def _serve(self, transport: Transport) -> AbstractAsyncContextManager[webhook.Webhook]:
        """The webhook, with calls of its own: people wait for it, and not for the core's writes."""
        from jobflows.webhook import life as webhook  # noqa: PLC0415 - megabytes, for those who want it

        limiter = Limiter(in_flight=WEBHOOK_CALLS)
        client = Client(transport, limiter, rng=random.Random(), observe=self._metrics.api_call)
        settings = self._settings
        certificates: Path | webhook.Place = Path(settings.webhook_certificates or "")
        if settings.webhook_self_managed and settings.webhook_service:
            certificates = webhook.Place(
                namespace=settings.pod_namespace or self._connection.namespace,
                name=settings.webhook_self_managed,
                service=settings.webhook_service,
                life=timedelta(seconds=settings.webhook_certificate_lifetime),
            )
        options = webhook.Options(
            port=settings.webhook_port,
            certificates=certificates,
            authorize=settings.authorize_users,
        )
        return webhook.running(options, client, self._metrics.reviewed)

    async def _stop_core(self, core: Core, task: asyncio.Task[None]) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await core.stop()
                await asyncio.wait({task})
        except TimeoutError:
            self._fail(StopTimeoutError(f"the core did not stop within {STOP_SECONDS:g} s"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the process must end, and say why
            self._fail(error)
        await _cancelled(task)

    def _core_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)
        elif not self._stopping:
            self._fail(RuntimeError("the operator core ended without being asked to"))
        self._ended.set()

    def _fail(self, error: BaseException) -> None:
        root = _root(error)
        log.error("operator core: %s: %s", type(root).__name__, root, exc_info=error)
        if self.failure is None:
            self.failure = error


async def wait_for_server(transport: Transport, server: str) -> None:
    """Return when the API server answers; one log line for each time that it does not."""
    backoff = Backoff(random.Random(), base=BACKOFF_BASE, cap=BACKOFF_CAP)
    while True:
        try:
            response = await transport.send(Request("GET", "/version"))
        except TransportError as error:
            trouble = str(error)
        else:
            # 403 is an answer, too: some clusters hide /version from service accounts.
            if response.status < 500 and response.status not in {401, 429}:
                log.info("API server at %s answers", server)
                return
            trouble = f"GET /version: HTTP {response.status}"
        delay = BACKOFF_BASE + backoff.next()
        log.warning("API server at %s: %s; trying again in %.1f s", server, trouble, delay)
        await asyncio.sleep(delay)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):  # its end is reported by its done callback
        await task


def _root(error: BaseException) -> BaseException:
    """The error inside groups of one, which is what a task group makes of it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
