"""Passes a watch on, event by event, and spoils it where the script says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from faults.calls import Counts
from faults.points import LATE

if TYPE_CHECKING:
    from faults.proxy import Script

PIECES = 20
SLOW_SECONDS = 2.0
_NEVER = 3600.0
_CLOSE = frozenset({"garbled", "410", "410, stale list", "500"})


class CutError(Exception):
    """The stream ends here, without a farewell."""


class Relay:
    """One watch. The events of a resource are numbered over all of its watches."""

    def __init__(
        self,
        script: Script,
        counts: Counts,
        resource: str,
        kill: Callable[[], Awaitable[None]],
    ) -> None:
        self._script = script
        self._counts = counts
        self._resource = resource
        self._kill = kill

    async def run(
        self, request: web.BaseRequest, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        """Pass on until one of both sides ends it."""
        if answer.status != 200:
            return web.Response(
                status=answer.status, body=await answer.read(), content_type="application/json"
            )
        out = web.StreamResponse(headers={"Content-Type": "application/json"})
        await out.prepare(request)
        try:
            async for line in _lines(answer):
                if not await self._pass(line, out):
                    break
        except (CutError, aiohttp.ClientError):
            if request.transport is not None:
                request.transport.abort()
        return out

    async def _pass(self, line: bytes, out: web.StreamResponse) -> bool:
        """Pass one event on; False when the stream ends behind it."""
        if self._script.broken:
            await asyncio.sleep(_NEVER)
        if line.startswith(b'{"type":"BOOKMARK"'):
            await out.write(line)
            return True
        fault = self._script.at(self._counts.event(self._resource))
        match fault:
            case "cut":
                raise CutError
            case "killed":
                await self._kill()
                raise CutError
            case "torn":
                await out.write(line[: len(line) // 2])
                raise CutError
            case "silent":
                await asyncio.sleep(_NEVER)
            case "late":
                await asyncio.sleep(LATE)
            case "slow":
                await _dribble(line, out)
                return True
            case "doubled":
                await out.write(line)
            case "garbled":
                await out.write(b'{"type":"MODIFIED","object":{"metadata":\n')
            case "410, stale list" | "410":
                if fault != "410":
                    self._script.stale.add(self._resource)
                await out.write(line_of("ERROR", status_of(410, "Expired")))
            case "500":
                await out.write(line_of("ERROR", status_of(500, "InternalError")))
        if fault in _CLOSE or fault == "ended":
            return False
        await out.write(line)
        return True


def status_of(code: int, reason: str) -> dict[str, Any]:
    """A `Status` as the API server writes it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"a fault of the tests: {reason}",
        "reason": reason,
        "code": code,
    }


def line_of(kind: str, thing: dict[str, Any]) -> bytes:
    """An event of a watch."""
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in answer.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line + b"\n"


async def _dribble(line: bytes, out: web.StreamResponse) -> None:
    size = max(1, len(line) // PIECES)
    for start in range(0, len(line), size):
        await out.write(line[start : start + size])
        await asyncio.sleep(SLOW_SECONDS / PIECES)
