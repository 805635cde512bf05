"""Calls to the API server: paths, queries, retries and rate limits over a `Transport`.

Called by the informers, the writers, the Lease and the event recorder. Rules: bytes in and bytes
out; transient trouble (no answer, 429, 5xx) is retried a bounded number of times with full jitter
and Retry-After honoured, anything else is raised at once as `ApiError`; writes pass the limiter,
reads do not.

A retry may follow an attempt that had its effect while its answer was lost. So `create` may raise
`already_exists` for the caller's own object (check its owner and adopt it; never use generateName),
`delete` may raise `not_found`, and a patch with a resourceVersion `is_conflict`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import msgspec

from jobflows.api.depth import decoded
from jobflows.cluster.backoff import Backoff
from jobflows.cluster.errors import ApiError
from jobflows.cluster.limiter import LONGEST_PAUSE, Limiter
from jobflows.cluster.resources import Resource
from jobflows.cluster.transport import (
    MERGE_PATCH,
    Request,
    Transport,
    TransportError,
    WatchRefused,
)

Observe = Callable[[str, str, str, float], None]
"""Called with (operation, resource plural, HTTP status or `<error>`, seconds) for every attempt."""

Ask = Callable[[], Request]
"""Makes a request when its turn has come: thousands may wait for the limiter."""

NO_ANSWER = "<error>"
ATTEMPTS = 5
BACKOFF_BASE = 0.2
BACKOFF_CAP = 5.0


class _ListMeta(msgspec.Struct, frozen=True):
    continue_: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct, frozen=True):
    metadata: _ListMeta = _ListMeta()


_decode_page = msgspec.json.Decoder(_Page).decode
_encode = msgspec.json.Encoder().encode


class Client:
    """`attempts`: how often a call is tried before its trouble is raised; calls may differ."""

    def __init__(
        self,
        transport: Transport,
        limiter: Limiter,
        *,
        rng: random.Random,
        observe: Observe | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._transport = transport
        self._limiter = limiter
        self._rng = rng
        self._observe = observe
        self._attempts = attempts

    async def get(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        subresource: str | None = None,
        query: Mapping[str, str] | None = None,
        attempts: int | None = None,
    ) -> bytes:
        """One object."""
        request = Request("GET", resource.path(namespace, name, subresource), query or {})
        return await self._read("get", resource, request, attempts)

    async def list_page(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 500,
        continue_token: str = "",
        attempts: int | None = None,
    ) -> bytes:
        """One page of a consistent list; an old `continue_token` raises `ApiError.gone`."""
        query = _selectors(label_selector, field_selector)
        if limit > 0:
            query["limit"] = str(limit)
        if continue_token:
            query["continue"] = continue_token
        request = Request("GET", resource.path(namespace), query)
        return await self._read("list", resource, request, attempts)

    async def list_pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 500,
        attempts: int | None = None,
    ) -> AsyncGenerator[bytes]:
        """All pages, raw. `ApiError.gone` when the list outlived its snapshot: start again."""
        token = ""
        while True:
            page = await self.list_page(
                resource,
                namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                limit=limit,
                continue_token=token,
                attempts=attempts,
            )
            yield page
            token = decoded(_decode_page, page).metadata.continue_
            if not token:
                return

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        body: object,
        *,
        attempts: int | None = None,
    ) -> bytes:
        """POST an object with a name of its own; the answer is the object as stored.

        `body` may be a function that makes the object, once it is its turn.
        """

        def request() -> Request:
            made = body() if callable(body) else body
            return Request("POST", resource.path(namespace), body=_encoded(made))

        return await self._write("create", resource, request, attempts)

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: object,
        *,
        subresource: str | None = None,
        content_type: str = MERGE_PATCH,
        attempts: int | None = None,
    ) -> bytes:
        """Patch; put `metadata.resourceVersion` in the body to lose no update of others."""
        path = resource.path(namespace, name, subresource)
        request = Request("PATCH", path, body=_encoded(body), content_type=content_type)
        return await self._write("patch", resource, lambda: request, attempts)

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        version: str | None = None,
        propagation: str = "Background",
        attempts: int | None = None,
    ) -> bytes:
        """Delete; with `uid`, only that incarnation, with `version` only that resourceVersion.

        It `is_conflict` for another one.
        """
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        held = {"uid": uid, "resourceVersion": version}
        preconditions = {name: value for name, value in held.items() if value}
        if preconditions:
            options["preconditions"] = preconditions
        request = Request("DELETE", resource.path(namespace, name), body=_encode(options))
        return await self._write("delete", resource, lambda: request, attempts)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        timeout_seconds: int = 300,
    ) -> AsyncGenerator[bytes]:
        """Watch events as raw JSON lines, bookmarks included, until the server ends the stream.

        Never retried here: raises `ApiError` when refused (`gone`: list again) and
        `TransportError` when cut. Close it (`aclosing`) when leaving before its end.
        """
        query = _selectors(label_selector, field_selector)
        query["watch"] = "1"
        query["allowWatchBookmarks"] = "true"
        query["timeoutSeconds"] = str(timeout_seconds)
        if resource_version:
            query["resourceVersion"] = resource_version
        started = asyncio.get_running_loop().time()
        status = NO_ANSWER
        lines = self._transport.watch(Request("GET", resource.path(namespace), query))
        try:
            async for line in lines:
                yield line
            status = "200"
        except WatchRefused as refused:
            status = str(refused.response.status)
            raise ApiError.from_response(refused.response) from refused
        except (GeneratorExit, asyncio.CancelledError):
            status = "200"  # left by the reader
            raise
        finally:
            self._report("watch", resource, status, started)
            if isinstance(lines, AsyncGenerator):
                await lines.aclose()

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.close()

    async def _read(
        self, operation: str, resource: Resource, request: Request, attempts: int | None
    ) -> bytes:
        return await self._call(operation, resource, lambda: request, attempts, None)

    async def _write(
        self, operation: str, resource: Resource, request: Ask, attempts: int | None
    ) -> bytes:
        return await self._call(operation, resource, request, attempts, self._limiter)

    async def _call(
        self,
        operation: str,
        resource: Resource,
        request: Ask,
        attempts: int | None,
        limiter: Limiter | None,
    ) -> bytes:
        left = self._attempts if attempts is None else attempts
        backoff: Backoff | None = None
        while True:
            left -= 1
            try:
                if limiter is None:
                    return await self._attempt(operation, resource, request(), None)
                async with limiter:
                    return await self._attempt(operation, resource, request(), limiter)
            except TransportError:
                if left <= 0:
                    raise
                at_least = 0.0
            except ApiError as error:
                if left <= 0 or not error.retriable:
                    raise
                at_least = min(error.retry_after or 0.0, LONGEST_PAUSE)
            if backoff is None:
                backoff = Backoff(self._rng, base=BACKOFF_BASE, cap=BACKOFF_CAP)
            await asyncio.sleep(backoff.next(at_least))

    async def _attempt(
        self, operation: str, resource: Resource, request: Request, limiter: Limiter | None
    ) -> bytes:
        started = asyncio.get_running_loop().time()
        status = NO_ANSWER
        try:
            response = await self._transport.send(request)
            status = str(response.status)
        finally:
            self._report(operation, resource, status, started)
        if 200 <= response.status < 300:
            return response.body
        error = ApiError.from_response(response)
        if error.throttled and limiter is not None:
            limiter.throttled(error.retry_after)  # before the slot is given on
        raise error

    def _report(self, operation: str, resource: Resource, status: str, started: float) -> None:
        if self._observe is not None:
            seconds = asyncio.get_running_loop().time() - started
            self._observe(operation, resource.plural, status, seconds)


def _selectors(labels: str, fields: str) -> dict[str, str]:
    query: dict[str, str] = {}
    if labels:
        query["labelSelector"] = labels
    if fields:
        query["fieldSelector"] = fields
    return query


def _encoded(body: object) -> bytes:
    return body if isinstance(body, bytes) else _encode(body)
