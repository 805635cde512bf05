"""The port: AdmissionReviews in, answers out, over TLS.

Whoever can reach the port can send what they like, while the operator's event loop has flows to
run. So small reviews are judged in two threads of the site's own and large ones apart, two at a
time; only so many are taken in that their bodies have room in memory, and none is worked on longer
than the API server waits. Rule: whatever comes, there is an answer in Kubernetes' words. A body
that is no review gets a 400, one that is too large a 413, one that comes too slowly a 408; a 429
asks to come again, and a 503 says that there was no judgement, for `failurePolicy` to judge.
Nothing of a body is ever logged.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from aiohttp import web

from jobflows.webhook.access import Access
from jobflows.webhook.apart import ApartError, judge_apart
from jobflows.webhook.callers import patience, quiet, refusal
from jobflows.webhook.judging import DEFAULT, VALIDATE, Judged, judge
from jobflows.webhook.review import Review, ReviewError, Verdict, answer

ZEN_FLOW = {"/validate-jobflow": VALIDATE, "/mutate-jobflow": DEFAULT}
"""zen-flow's paths, so that its webhook configurations keep working."""

LARGEST_BODY = 16 << 20
"""Twice the largest object that an API server takes, old and new, and then some for JSON."""

LARGE = 256 << 10
"""Bytes that a thread judges in a quarter of a second, at the most."""

READ_SECONDS = 10.0
IDLE_SECONDS = 120.0
"""API servers let a connection go after 90 s."""

AT_ONCE = 2
MOST_SMALL, MOST_LARGE = 100, 8
"""Reviews that are read, wait or are judged at a time."""

SHUTDOWN_SECONDS = 3.0

Observe = Callable[[str, str, float], None]
"""Called with (path, allowed | denied | refused | busy | failed, seconds) for every review."""

log = logging.getLogger(__name__)


class Reviews:
    """Answers reviews. `access` None: who asks is not looked at."""

    def __init__(
        self, access: Access | None, threads: ThreadPoolExecutor, observe: Observe
    ) -> None:
        self._access = access
        self._threads = threads
        self._observe = observe
        self._apart = asyncio.Semaphore(AT_ONCE)
        self._taken = {True: 0, False: 0}

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=LARGEST_BODY)
        for path, to in ((VALIDATE, VALIDATE), (DEFAULT, DEFAULT), *ZEN_FLOW.items()):
            app.router.add_post(path, self._validated if to == VALIDATE else self._defaulted)
        return app

    async def _validated(self, request: web.Request) -> web.Response:
        return await self._observed(request, VALIDATE)

    async def _defaulted(self, request: web.Request) -> web.Response:
        return await self._observed(request, DEFAULT)

    async def _observed(self, request: web.Request, path: str) -> web.Response:
        loop = asyncio.get_running_loop()
        started = loop.time()
        result = "failed"
        try:
            result, response = await self._answered(request, path)
            return response
        except web.HTTPRequestEntityTooLarge:
            result = "refused"
            raise
        finally:
            self._observe(path, result, loop.time() - started)

    async def _answered(self, request: web.Request, path: str) -> tuple[str, web.Response]:
        length = request.content_length
        large = length is None or length > LARGE
        if self._taken[large] >= (MOST_LARGE if large else MOST_SMALL):
            return "busy", refusal(429, "too many reviews at a time; try again")
        self._taken[large] += 1
        try:
            async with asyncio.timeout(patience(request)):
                body = await _body(request)
                judged = await self._judged(path, body, large=large)
                judged = await self._granted(judged)
        except TimeoutError:
            log.warning("a review of %s bytes was not judged in time", length)
            return "failed", refusal(503, "the flow was not judged in time; try again")
        except ApartError as error:
            log.warning("a review of %s bytes could not be judged: %s", length, error)
            return "failed", refusal(503, "the flow takes too much to be judged; make it smaller")
        except _SlowError as error:
            return "refused", refusal(408, str(error))
        except ReviewError as error:
            return "refused", refusal(400, str(error))
        finally:
            self._taken[large] -= 1
        result = "allowed" if judged.allowed else "denied"
        return result, web.Response(body=judged.answer, content_type="application/json")

    async def _judged(self, path: str, body: bytes, *, large: bool) -> Judged:
        if not large:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, judge, path, body)
        async with self._apart:
            return await judge_apart(path, body)

    async def _granted(self, judged: Judged) -> Judged:
        """What becomes of it once the API server has been asked for the user's rights."""
        claim = judged.claim
        denial = await self._access.denial(claim) if self._access and claim else None
        if claim is None or denial is None:
            return judged
        return Judged(answer(Review(claim.uid), Verdict(denial)), allowed=False)


class _SlowError(Exception):
    """The body did not come in time."""


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.read()
    except TimeoutError as error:
        raise _SlowError(f"no body within {READ_SECONDS:g} s") from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise ReviewError("the body is broken off") from error


@asynccontextmanager
async def serve(
    port: int,
    context: ssl.SSLContext,
    *,
    access: Access | None,
    observe: Observe,
    host: str | None = None,
) -> AsyncIterator[int]:
    """Serve while the block runs; yields the bound port. OSError names a port in use."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as threads:
        runner = web.AppRunner(
            Reviews(access, threads, observe).application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_SECONDS,
            keepalive_timeout=IDLE_SECONDS,
            auto_decompress=False,  # what unpacks to a thousand times its size is nobody's review
            logger=quiet,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=context).start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()
