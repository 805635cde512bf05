"""Short words for the tests of the model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from jobflows.cluster.transport import JSON, MERGE_PATCH, Request, Response, Transport
from model import ApiServer
from model.kinds import JOBS

JOBS_PATH = "/apis/batch/v1/namespaces/default/jobs"
MAPS_PATH = "/api/v1/namespaces/default/configmaps"
PODS_PATH = "/api/v1/namespaces/default/pods"


def configmap(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}, "data": {"a": "1"}}


def job(name: str, annotations: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    said = {f"sim.jobflow/{key}": value for key, value in (annotations or {}).items()}
    container = {"name": "main", "image": "busybox:1.36"}
    template = {
        "metadata": {"annotations": said},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    return {"metadata": {"name": name}, "spec": {**spec, "template": template}}


async def send(
    transport: Transport,
    method: str,
    path: str,
    body: Any = None,
    query: Mapping[str, str] | None = None,
) -> Response:
    content_type = MERGE_PATCH if method == "PATCH" else JSON
    raw = None if body is None else msgspec.json.encode(body)
    return await transport.send(Request(method, path, query or {}, raw, content_type))


class Follower:
    """Reads a watch in a task of its own; `events` grows, `ended` tells how the stream ended."""

    def __init__(self, transport: Transport, path: str, **query: str) -> None:
        self.events: list[Any] = []
        self.ended: BaseException | str = ""
        request = Request("GET", path, {"watch": "true", **query})
        self.task = asyncio.create_task(self._read(transport, request))

    @property
    def seen(self) -> list[tuple[str, str]]:
        return [(e["type"], e["object"]["metadata"].get("name", "")) for e in self.events]

    async def _read(self, transport: Transport, request: Request) -> None:
        try:
            async for line in transport.watch(request):
                self.events.append(msgspec.json.decode(line))
            self.ended = "in order"
        except Exception as error:  # noqa: BLE001 - whatever it is, the test asks
            self.ended = error


def conditions(server: ApiServer, name: str) -> dict[str, str]:
    """The Job's true conditions and their reasons."""
    found = server.get(JOBS, name)
    assert found is not None
    return {
        one["type"]: one["reason"]
        for one in found["status"].get("conditions", ())
        if one["status"] == "True"
    }
