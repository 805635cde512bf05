"""Asking a server and writing down the answers in words that any honest server would use.

Two servers never agree on uids, resourceVersions, times or random names. So uids become `uid1`,
`uid2` in the order in which they were first seen, resourceVersions `rv1`, `rv2` in the order of
their size within one chapter, the namespace `NS`; times are not shown at all.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from jobflows.cluster.transport import JSON, Request, Response, Transport, WatchRefused

Answers = dict[str, Any]

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Session:
    """One chapter of a script: its answers by the name of the step."""

    def __init__(self, transport: Transport, namespace: str) -> None:
        self.transport = transport
        self.namespace = namespace
        self.answers: Answers = {}
        self.last: Any = None  # the decoded body of the last answer, with its real uid and versions
        self._uids: dict[str, str] = {}
        self._versions: set[str] = set()

    def path(self, plural: str, name: str = "", subresource: str = "") -> str:
        """The path of a resource in the session's namespace."""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{_ROOTS[plural]}/namespaces/{self.namespace}/{plural}{tail}"

    async def ask(
        self,
        step: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
        show: Sequence[str] = (),
        message: bool = True,
    ) -> Any:
        """Send and note: the code, a refusal's reason and message, the fields named in `show`."""
        raw = body if isinstance(body, bytes) else None if body is None else encode(body)
        request = Request(method, path, query or {}, raw, content_type)
        response = await self.transport.send(request)
        self.note(step, response, show, message)
        return self.last

    def note(
        self, step: str, response: Response, show: Sequence[str] = (), message: bool = True
    ) -> None:
        answer: Answers = {"code": response.status}
        self.last = _decoded(response.body)
        if isinstance(self.last, str):
            answer["text"] = self.last
        elif response.status >= 400:
            answer["reason"] = self.last.get("reason", "")
            if message:
                answer["message"] = self.last["message"]
            details = self.last.get("details") or {}
            answer["details"] = {k: v for k, v in details.items() if k != "causes"}
            if "causes" in details:
                # Some checks are made twice there; how often is nobody's business.
                answer["fields"] = sorted({one.get("field", "") for one in details["causes"]})
        answer |= {field: look(self.last, field) for field in show}
        self.answers[step] = answer

    async def quiet(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Send without a note: the ground on which a step stands."""
        raw = None if body is None else encode(body)
        response = await self.transport.send(Request(method, path, query, raw))
        return _decoded(response.body)

    async def patch(self, path: str, body: Any, content_type: str) -> Any:
        """A patch without a note."""
        request = Request("PATCH", path, {}, encode(body), content_type)
        return _decoded((await self.transport.send(request)).body)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def watch(
        self,
        step: str,
        path: str,
        *,
        until: int,
        show: Sequence[str] = ("metadata.name",),
        seconds: float = 20.0,
        message: bool = True,
        query: Mapping[str, str] | None = None,
    ) -> None:
        """Note the first `until` events, or those that came before the stream's end."""
        events: list[Any] = []
        request = Request("GET", path, {"watch": "true", **(query or {})})
        stream = self.transport.watch(request)
        try:
            async with asyncio.timeout(seconds):
                while len(events) < until:
                    event = msgspec.json.decode(await anext(stream))
                    events.append([event["type"], *(look(event["object"], f) for f in show)])
        except StopAsyncIteration:
            events.append("end")
        except TimeoutError:
            events.append("silence")
        except WatchRefused as refusal:
            self.note(step, refusal.response, (), message)
            return
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        self.answers[step] = events

    async def wait(self, path: str, field: str, value: Any, seconds: float = 30.0) -> Any:
        """Poll until a field has a value (None: absent, or the object gone)."""
        waited = 0.0
        while waited < seconds:
            found = await self.quiet("GET", path)
            if (look(found, field) if isinstance(found, dict) else None) == value:
                return found
            await asyncio.sleep(0.1)
            waited += 0.1
        return None

    def finish(self) -> Answers:
        """The answers with all that differs from server to server replaced."""
        self._collect(self.answers)
        versions = sorted(self._versions, key=int)
        names = {version: f"rv{place + 1}" for place, version in enumerate(versions)}
        renamed: Answers = self._rename(self.answers, names)
        return renamed

    def _collect(self, value: Any) -> None:
        if isinstance(value, dict):
            for item in value.values():
                self._collect(item)
        elif isinstance(value, list):
            for item in value:
                self._collect(item)
        elif isinstance(value, Version):
            self._versions.add(str(value))
        elif isinstance(value, str):
            for uid in _UID.findall(value):
                self._uids.setdefault(uid, f"uid{len(self._uids) + 1}")

    def _rename(self, value: Any, versions: Mapping[str, str]) -> Any:
        if isinstance(value, dict):
            return {key: self._rename(item, versions) for key, item in value.items()}
        if isinstance(value, list):
            return [self._rename(item, versions) for item in value]
        if isinstance(value, Version):
            return versions[str(value)]
        if isinstance(value, str):
            value = _UID.sub(lambda found: self._uids[found[0]], value)
            value = value.replace(self.namespace, "NS")
        return value


class Version(str):
    """A resourceVersion among the answers."""

    __slots__ = ()


def look(body: Any, path: str) -> Any:
    """A field by its dotted path; `items[].x` gathers a list, `metadata.labels` may be whole."""
    value = body
    for place, part in enumerate(path.split(".")):
        if part.endswith("[]"):
            rest = ".".join(path.split(".")[place + 1 :])
            items = (value or {}).get(part[:-2]) or []
            return [look(item, rest) if rest else item for item in items]
        value = value.get(part) if isinstance(value, dict) else None
    if path.endswith("metadata.resourceVersion") and isinstance(value, str):
        return Version(value)
    if path.endswith("deletionTimestamp"):
        return value is not None
    return value


def encode(body: Any) -> bytes:
    return msgspec.json.encode(body)


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode().strip()


_ROOTS = {
    "configmaps": "/api/v1",
    "pods": "/api/v1",
    "persistentvolumeclaims": "/api/v1",
    "secrets": "/api/v1",
    "jobs": "/apis/batch/v1",
    "jobflows": "/apis/workflow.kube-zen.io/v1alpha1",
    "events": "/apis/events.k8s.io/v1",
    "leases": "/apis/coordination.k8s.io/v1",
}
