"""A `Transport` that answers from a script, and the objects the scripts are made of."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from jobflows.cluster import JOBS, Client, Informer, Limiter, Request, Response, TransportError
from model.virtual_time import run

T = TypeVar("T")
Answer = Response | Exception
Line = bytes | float | Exception


class Meta(msgspec.Struct, frozen=True):
    name: str
    uid: str
    resourceVersion: str  # noqa: N815
    namespace: str = ""


class Status(msgspec.Struct, frozen=True):
    succeeded: int = 0


class Job(msgspec.Struct, frozen=True):
    metadata: Meta
    status: Status = Status()


def obj(name: str, version: int, uid: str = "", succeeded: Any = 0) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
    }
    return {"metadata": metadata, "spec": {"ignored": [1, 2]}, "status": {"succeeded": succeeded}}


def job(name: str, version: int, uid: str = "") -> Job:
    return Job(Meta(name, uid or f"uid-{name}", str(version), "default"))


def page(version: int, *items: dict[str, Any], more: str = "") -> Response:
    body = {"metadata": {"resourceVersion": str(version), "continue": more}, "items": items}
    return Response(200, json.dumps(body).encode())


def line(kind: str, what: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": what}, separators=(",", ":")).encode()


def bookmark(version: int) -> bytes:
    return line("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


def status_body(code: int, reason: str, message: str = "") -> dict[str, Any]:
    return {"kind": "Status", "code": code, "reason": reason, "message": message}


def refusal(code: int, reason: str, retry_after: float | None = None) -> Response:
    return Response(code, json.dumps(status_body(code, reason)).encode(), retry_after)


class ScriptedTransport:
    """`answers` are given to `send` in order; each of `watches` is one stream.

    A number in a stream is a pause in seconds; a stream ends after its last line, and when no
    stream is left a watch stays silent for ever.
    """

    def __init__(self, *answers: Answer, watches: list[list[Line]] | None = None) -> None:
        self.answers = deque(answers)
        self.watches = deque(watches or [])
        self.requests: list[Request] = []
        self.times: list[float] = []
        self.seconds = 0.0
        self.busy = 0
        self.most_busy = 0

    async def send(self, request: Request) -> Response:
        self._note(request)
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.busy -= 1
        answer = self.answers.popleft() if self.answers else Response(200, b"{}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def watch(self, request: Request) -> AsyncIterator[bytes]:
        self._note(request)
        if not self.watches:
            await asyncio.Event().wait()
        for step in self.watches.popleft():
            if isinstance(step, Exception):
                raise step
            if isinstance(step, bytes):
                yield step
            else:
                await asyncio.sleep(step)

    async def close(self) -> None:
        return

    def _note(self, request: Request) -> None:
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())

    @property
    def kinds(self) -> list[str]:
        """What was asked, in order: `list` or `watch@<version>`."""
        return [
            f"watch@{r.query['resourceVersion']}" if "watch" in r.query else "list"
            for r in self.requests
        ]


class Changes:
    """Records `on_change` as `+name`, `~name`, `-name`, with the version."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, old: Job | None, new: Job | None) -> None:
        sign = "+" if old is None else "-" if new is None else "~"
        which = new or old
        assert which is not None
        self.seen.append(f"{sign}{which.metadata.name}@{which.metadata.resourceVersion}")


def client(transport: ScriptedTransport, limiter: Limiter | None = None, **more: Any) -> Client:
    return Client(transport, limiter or Limiter(), rng=random.Random(1), **more)


def follow(
    transport: ScriptedTransport, seconds: float = 30.0, **more: Any
) -> tuple[Informer[Job], list[str]]:
    """Run an informer over the script for so many virtual seconds."""
    changes = Changes()

    async def scenario() -> Informer[Job]:
        informer = Informer(
            client(transport), JOBS, Job, on_change=changes, rng=random.Random(1), **more
        )
        task = asyncio.create_task(informer.run())
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            task.result()
        task.cancel()
        return informer

    return on_virtual_time(scenario), changes.seen


def on_virtual_time(scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return run(lambda _clock, _random: scenario())


LOST = TransportError("connection reset")
