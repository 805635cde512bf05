"""The webhook from start to end, as one context: the port, the certificate, and what watches it.

Entered by the controller's lifetime once the API server answers. The port is bound at once, so that
one in use ends the process; until there is a certificate, handshakes fail and `checks` says so.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jobflows.cluster.client import Client
from jobflows.cluster.clock import SystemClock
from jobflows.webhook import site
from jobflows.webhook.access import Access
from jobflows.webhook.certificates import FileCertificates
from jobflows.webhook.selfmanaged import Place, SelfManaged
from jobflows.webhook.serving import Serving

__all__ = ["Options", "Place", "Webhook", "running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the webhook is served. `host` None is all interfaces."""

    port: int
    certificates: Path | Place
    """The folder with them, or where the operator keeps its own."""
    authorize: bool = True
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook that is served."""

    port: int
    serving: Serving

    def checks(self) -> Mapping[str, bool]:
        """What must hold for readiness."""
        return {"webhook": self.serving.is_ready}

    def expires(self) -> float:
        """When the certificate in use ends, in UNIX seconds; 0 as long as there is none."""
        return self.serving.expires.timestamp() if self.serving.expires is not None else 0.0


@asynccontextmanager
async def running(
    options: Options, client: Client, observe: site.Observe
) -> AsyncIterator[Webhook]:
    """Serve while the block runs. OSError names a port in use."""
    serving = Serving()
    where = options.certificates
    keeper = (
        SelfManaged(where, client, serving, SystemClock(), random.Random())
        if isinstance(where, Place)
        else FileCertificates(where, serving)
    )
    access = Access(client) if options.authorize else None
    async with site.serve(
        options.port, serving.context, access=access, observe=observe, host=options.host
    ) as port:
        task = asyncio.create_task(keeper.run(), name="webhook certificate")
        try:
            yield Webhook(port, serving)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
