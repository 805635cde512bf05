"""Objects as a watch tells of them, for programs that wait for flows or pods to be over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.resources import Resource
from jobflows.cluster.transport import TransportError


class Meta(msgspec.Struct):
    name: str
    labels: dict[str, str] = {}


class Status(msgspec.Struct):
    phase: str = ""


class Phased(msgspec.Struct):
    """A flow or a pod: what it is called, and how far it is."""

    metadata: Meta
    status: Status = msgspec.field(default_factory=Status)


class _Event(msgspec.Struct):
    type: str
    object: Phased


async def changes(
    client: Client, resource: Resource, namespace: str, label_selector: str = ""
) -> AsyncGenerator[Phased]:
    """Every object, and again whenever it changes; use it with `aclosing`.

    The server may end a watch; a new one begins with all objects as they are.
    """
    decode = msgspec.json.Decoder(_Event).decode
    while True:
        try:
            watch = client.watch(resource, namespace, label_selector=label_selector)
            async with aclosing(watch) as lines:
                async for line in lines:
                    if b'"BOOKMARK"' in line[:24]:
                        continue
                    if b'"ERROR"' in line[:24]:
                        break  # too slow for a server that is busy
                    yield decode(line).object
        except (ApiError, TransportError):  # a server at its limits refuses some
            await asyncio.sleep(1.0)
