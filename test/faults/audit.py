"""The API server's own record of a namespace: who wrote what, and when.

One reader for all runs: the log is read once, as it grows, and split by namespace.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from pathlib import Path

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.resources import CONFIG_MAPS

OPERATOR = "jobflow-operator"
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 60.0


class _User(msgspec.Struct, frozen=True):
    username: str = ""


class _Reference(msgspec.Struct, frozen=True):
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class _Answer(msgspec.Struct, frozen=True):
    code: int = 0


class _Status(msgspec.Struct, frozen=True):
    phase: str = ""


class _Body(msgspec.Struct, frozen=True):
    status: _Status = _Status()


class Entry(msgspec.Struct):
    """One call as the server saw it. Times are texts that sort."""

    verb: str
    stage: str
    received: str = msgspec.field(name="requestReceivedTimestamp")
    user: _User
    of: _Reference = msgspec.field(name="objectRef", default_factory=_Reference)
    answer: _Answer = msgspec.field(name="responseStatus", default_factory=_Answer)
    body: msgspec.Raw = msgspec.field(name="requestObject", default_factory=msgspec.Raw)

    @property
    def what(self) -> str:
        """`create jobs`, `patch pods/status`."""
        part = f"/{self.of.subresource}" if self.of.subresource else ""
        return f"{self.verb} {self.of.resource}{part}"

    @property
    def done(self) -> bool:
        """Whether the server did it."""
        return 200 <= self.answer.code < 300

    def phase(self) -> str:
        """The phase that a write of a pod's status says."""
        if not self.body:
            return ""
        return _decode_body(self.body).status.phase


_decode = msgspec.json.Decoder(Entry).decode
_decode_body = msgspec.json.Decoder(_Body).decode


class AuditLog:
    """Knows the calls of all namespaces that are not forgotten yet."""

    def __init__(self, path: Path, client: Client) -> None:
        self._client = client
        self._file = path.open("rb")
        self._file.seek(0, 2)
        self._rest = b""
        self._known: defaultdict[str, list[Entry]] = defaultdict(list)
        self._marks: set[str] = set()

    async def of(self, namespace: str) -> list[Entry]:
        """All calls about a namespace up to now."""
        mark = f"mark-{uuid.uuid4().hex}"
        try:
            await self._client.get(CONFIG_MAPS, namespace, mark)
        except ApiError as error:
            if not error.not_found:
                raise
        async with asyncio.timeout(PATIENCE_SECONDS):
            while mark not in self._marks:
                await asyncio.sleep(POLL_SECONDS)
                self._read()
        self._marks.discard(mark)
        return self._known.pop(namespace, [])

    def _read(self) -> None:
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            if b'"namespace":"' not in line:
                continue
            try:
                entry = _decode(line)
            except msgspec.DecodeError:  # the last words of a server that was killed
                continue
            if entry.stage != "ResponseComplete":
                continue
            if entry.verb == "get":
                if entry.of.name.startswith("mark-"):
                    self._marks.add(entry.of.name)
                continue
            self._known[entry.of.namespace].append(entry)
