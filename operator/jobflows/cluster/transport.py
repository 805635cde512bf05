"""The one door to an API server: bytes in, bytes out.

Everything above it (client, informer, writer) is the same code whether the bytes come from a real
kube-apiserver over aiohttp (`http.py`) or from the in-process model of the tests. Nothing here
retries, decodes or logs: that is the client's work.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Request:
    """One call: `path` without the query, e.g. `/apis/batch/v1/namespaces/default/jobs`."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. `retry_after` is the header of that name in seconds, when there was one."""

    status: int
    body: bytes
    retry_after: float | None = None


class TransportError(Exception):
    """No answer: connection refused, reset, timed out. The call may or may not have had effect."""


class Transport(Protocol):
    """What the client needs of the world.

    `send` answers any HTTP status as a `Response` and raises `TransportError` when there was no
    answer. `watch` yields one JSON document (one watch event, without the newline) at a time and
    ends when the server ends the stream; a status other than 200 is raised as `WatchRefused`, a
    broken connection as `TransportError`.
    """

    async def send(self, request: Request) -> Response: ...

    def watch(self, request: Request) -> AsyncIterator[bytes]: ...

    async def close(self) -> None: ...


class WatchRefused(Exception):  # noqa: N818 - an answer, not a failure
    """The server answered a watch request with an HTTP status other than 200 (410 among them)."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"watch refused with HTTP {response.status}")
        self.response = response
