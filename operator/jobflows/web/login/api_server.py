"""What an API server says of whoever has a token, and what it does for them.

Each question is asked with the reader's own token over a connection of its own, so no reader can
ever speak with another one's. What somebody may see is kept for `RIGHTS_SECONDS`; what they may
change is decided by the API server at each change.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.http import AiohttpTransport
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.login import Connection
from jobflows.cluster.resources import (
    JOBFLOWS,
    PODS,
    SELF_SUBJECT_ACCESS_REVIEWS,
    SELF_SUBJECT_REVIEWS,
    Resource,
)
from jobflows.cluster.transport import TransportError
from jobflows.web.memory import Memory
from jobflows.web.reader import Reader

T = TypeVar("T")

RIGHTS_SECONDS = 30.0
"""How long somebody may still see what they have just lost the right to see."""

REQUEST_SECONDS = 10.0

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""As RFC 6750 has it: what is no token is sent nowhere."""


class NotSignedInError(Exception):
    """The API server does not know who that is."""


class UnansweredError(Exception):
    """The API server does not answer; the text says what happened."""


@dataclass(frozen=True, slots=True)
class _Right:
    """What somebody may do; without a namespace in all of them."""

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class _User(msgspec.Struct, frozen=True):
    username: str = ""


class _Who(msgspec.Struct, frozen=True):
    userInfo: _User = _User()  # noqa: N815 - the API's own


class _WhoAnswer(msgspec.Struct, frozen=True):
    status: _Who = _Who()


class _May(msgspec.Struct, frozen=True):
    allowed: bool = False


class _MayAnswer(msgspec.Struct, frozen=True):
    status: _May = _May()


_who = msgspec.json.Decoder(_WhoAnswer).decode
_may = msgspec.json.Decoder(_MayAnswer).decode


class ApiServer:
    """Asks for readers. `connection` says where, and its own credentials are left out."""

    def __init__(self, connection: Connection, memory: Memory | None = None) -> None:
        self._connection = Connection(
            server=connection.server,
            ca_file=connection.ca_file,
            ca_data=connection.ca_data,
            insecure=connection.insecure,
            tls_server_name=connection.tls_server_name,
            proxy_url=connection.proxy_url,
        )
        self._memory = memory if memory is not None else Memory(least=RIGHTS_SECONDS, kept=10_000)

    def reader(self, token: str, *, by_cookie: bool) -> Reader:
        """Who has that token. Raises `NotSignedInError` and `UnansweredError`."""
        if not _TOKEN.fullmatch(token):
            raise NotSignedInError
        found = Reader("", token, by_cookie)

        async def ask(client: Client) -> str:
            question = _question(SELF_SUBJECT_REVIEWS)
            answer = _who(await client.create(SELF_SUBJECT_REVIEWS, None, question))
            return answer.status.userInfo.username

        name = self._memory.of(("who", found.mark), lambda: self.speak(found, ask))
        return replace(found, name=name)

    def namespaces(self, reader: Reader, among: Collection[str]) -> frozenset[str] | None:
        """Those whose flows the reader may list; None are all of the cluster."""

        async def ask(client: Client) -> frozenset[str] | None:
            if await _allowed(client, _Right("list", JOBFLOWS)):
                return None
            names = sorted(among)
            rights = [_Right("list", JOBFLOWS, name) for name in names]
            may = await asyncio.gather(*(_allowed(client, right) for right in rights))
            return frozenset(name for name, yes in zip(names, may, strict=True) if yes)

        return self._memory.of(
            ("sees", reader.mark, frozenset(among)), lambda: self.speak(reader, ask)
        )

    def may_change(self, reader: Reader, namespace: str, name: str) -> bool:
        """Whether the reader may change that flow."""
        return self._asked(reader, _Right("patch", JOBFLOWS, namespace, name))

    def may_read_logs(self, reader: Reader, namespace: str) -> bool:
        """Whether the reader may read the logs of pods there."""
        return self._asked(reader, _Right("get", PODS, namespace, subresource="log"))

    def _asked(self, reader: Reader, right: _Right) -> bool:
        return self._memory.of(
            ("may", reader.mark, right),
            lambda: self.speak(reader, lambda client: _allowed(client, right)),
        )

    def speak(self, reader: Reader, act: Callable[[Client], Awaitable[T]]) -> T:
        """Do something with the reader's token, from a thread without an event loop.

        Raises `NotSignedInError`, `UnansweredError`, and other `ApiError` as they are.
        """

        async def talk() -> T:
            connection = replace(self._connection, token=reader.token)
            transport = AiohttpTransport(
                connection, request_timeout=REQUEST_SECONDS, connections=16
            )
            try:
                return await act(Client(transport, Limiter(), rng=random.Random(), attempts=2))
            finally:
                await transport.close()

        try:
            return asyncio.run(talk())
        except ApiError as error:
            if error.unauthorized:
                raise NotSignedInError from error
            raise
        except TransportError as error:
            raise UnansweredError(f"the API server does not answer: {error}") from error


async def _allowed(client: Client, right: _Right) -> bool:
    asked = {
        "verb": right.verb,
        "group": right.resource.group,
        "resource": right.resource.plural,
        "subresource": right.subresource,
        "namespace": right.namespace,
        "name": right.name,
    }
    question = _question(SELF_SUBJECT_ACCESS_REVIEWS, resourceAttributes=asked)
    return _may(await client.create(SELF_SUBJECT_ACCESS_REVIEWS, None, question)).status.allowed


def _question(resource: Resource, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": resource.api_version, "kind": resource.kind, "spec": spec}
