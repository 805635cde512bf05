"""The API server model behind a real socket, so that commands run as a user starts them.

The model lives on an event loop in a thread; a test changes it there by `Served.call`. Its
controllers are left out: what a test puts in stays as it is.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from jobflows.cluster.transport import JSON, MERGE_PATCH, Request
from model import ApiServer, kind_of
from model.routes import route
from model.virtual_time import Clock

T = TypeVar("T")
Object = dict[str, Any]


class Served:
    """`refuse` answers requests before the model does; `logs` are those of pods."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config"
        self.logs: dict[str, bytes] = {}
        self.refuse: Callable[[Request], tuple[int, Object] | None] = lambda _: None
        self.bearer = ""
        """The token of the request that is answered."""
        self.server: ApiServer
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._down = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()])

    def call(self, act: Callable[[], T]) -> T:
        """Do something on the server's own thread."""

        async def there() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(10)

    def create(self, plural: str, body: Object) -> Object:
        """An object, with the status that it has."""
        kind = kind_of(plural)
        made = self.call(lambda: self.server.create(kind, body, "default"))
        if "status" in body:
            path = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
            path += f"/namespaces/default/{plural}/{made['metadata']['name']}/status"
            self.patch(path, {"status": body["status"]})
        return made

    def patch(self, path: str, body: Object) -> None:
        """A merge patch."""
        self.call(lambda: self._patch(path, body))

    def later(self, seconds: float, path: str, body: Object) -> None:
        """A merge patch after a while; for what runs on the server's thread."""
        self._loop.call_later(seconds, self._patch, path, body)

    def _patch(self, path: str, body: Object) -> None:
        request = Request("PATCH", path, {}, json.dumps(body).encode(), MERGE_PATCH)
        answer = self.server.answer(route(path), request)
        assert answer.status == 200, answer

    def flow(self, name: str) -> Object:
        """A flow as it is stored."""
        found = self.call(lambda: self.server.get(kind_of("jobflows"), name))
        assert found is not None
        return found

    async def _serve(self) -> None:
        self.server = ApiServer(
            Clock(self._loop, epoch=1_767_225_600.0), random.Random(0), controllers=False
        )
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self._write_config(f"http://{host}:{port}")
        self._up.set()
        await self._down.wait()
        await runner.cleanup()

    async def _answer(self, call: web.Request) -> web.StreamResponse:
        content = call.content_type if call.can_read_body else JSON
        request = Request(
            call.method, call.path, dict(call.query), await call.read() or None, content
        )
        self.bearer = call.headers.get("Authorization", "").removeprefix("Bearer ")
        refused = self.refuse(request)
        if refused is not None:
            return web.json_response(refused[1], status=refused[0])
        pod = call.path.removesuffix("/log").rpartition("/")[2]
        if call.path.endswith("/log") and pod in self.logs:
            return web.Response(body=self.logs[pod])
        if call.query.get("watch"):
            answer = web.StreamResponse()
            await answer.prepare(call)
            async for line in self.server.transport("user").watch(request):
                await answer.write(line + b"\n")
            return answer
        response = self.server.answer(route(call.path), request)
        return web.Response(body=response.body, status=response.status, content_type=JSON)

    def _write_config(self, server: str) -> None:
        self.config.write_text(
            json.dumps(
                {
                    "current-context": "test",
                    "clusters": [{"name": "test", "cluster": {"server": server}}],
                    "contexts": [{"name": "test", "context": {"cluster": "test"}}],
                }
            )
        )

    @contextmanager
    def running(self) -> Iterator[Served]:
        """While the server answers."""
        self._thread.start()
        assert self._up.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._down.set)
            self._thread.join(10)
            self._loop.close()
