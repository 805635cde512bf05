"""The runs of this machine, with what the commands ask of a cluster and tell it.

A run is read and steered through the store, the same whether this program, another one or nobody
runs it. So a command that shows or steers flows needs to know only once where they are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from jobflows.api.model import CREATED_BY
from jobflows.api.validation import check
from jobflows.engine import Instant
from jobflows.engine.stopping import STOP_ANNOTATION
from jobflows.engine.times import rfc3339
from jobflows.local import NoSuchRunError, RunInfo, Store, StoredRun
from jobflows.steering.errors import SteerError
from jobflows.steering.loaded import Loaded

FOLLOW_SECONDS = 0.25
"""Seconds between two looks at a run that is followed."""


@dataclass(frozen=True, slots=True)
class RunMeta:
    """What a run has of an object's metadata."""

    name: str
    uid: str
    creationTimestamp: str  # noqa: N815 - the API's own
    namespace: str = "default"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the commands see a flow."""

    metadata: RunMeta
    status: Mapping[str, Any]

    def decoded_status(self) -> dict[str, Any]:
        return dict(self.status)


class LocalRuns:
    """All runs of this machine."""

    namespace = "default"

    def __init__(self, store: Store) -> None:
        self.store = store

    def now(self) -> Instant:
        return time.time()

    def stored(self, name: str) -> StoredRun:
        """One run; raises `SteerError` with the nearest names."""
        try:
            return self.store.run(name)
        except NoSuchRunError as error:
            raise SteerError(str(error)) from None

    async def flows(
        self,
        *,
        everywhere: bool = False,
        marks: Mapping[str, str] = MappingProxyType({}),
        user: str | None = None,
    ) -> list[RunRecord]:
        """Runs in brief, the newest last: all, or those with these labels that `user` has begun."""
        del everywhere
        found = reversed(self.store.runs())
        if marks or user is not None:
            found = (run for run in found if _is_asked_for(run.document(), marks, user))
        return [_brief(run) for run in found]

    async def record(self, name: str) -> RunRecord:
        """One run with all of its status."""
        run = self.stored(name)
        return RunRecord(_meta(run.info), run.status())

    async def load(self, name: str) -> Loaded:
        """One run, ready to be asked about."""
        run = self.stored(name)
        flow = run.flow()
        ledger = run.ledger(flow)
        gone = not ledger.phase.terminal and not run.is_running
        note = _interrupted(run.info) if gone else ""
        record = RunRecord(_meta(run.info), run.status())
        return Loaded(record, flow, ledger, seen=True, note=note)

    async def follow(self, name: str) -> AsyncIterator[Loaded]:
        """A run as it is now, and again whenever it changes, while anybody runs it."""
        run = self.stored(name)
        version = None
        while True:
            is_running = run.is_running  # asked first: what it wrote in the end is read after
            if version != self.store.version:
                version = self.store.version
                yield await self.load(run.info.id)
            if not is_running and not run.info.phase.terminal:
                raise SteerError(_interrupted(run.info))
            await asyncio.sleep(FOLLOW_SECONDS)

    async def patch(self, name: str, **parts: Any) -> None:
        """Change `metadata` and `spec` of a run's document; its runner follows."""
        await self.edit(name, lambda _: parts)

    async def edit(self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Patch a run's document with `change(document)`. Raises `SteerError` when that is invalid,
        or nobody is there whom it could stop."""
        run = self.stored(name)

        def merged(document: dict[str, Any]) -> dict[str, Any]:
            patch = change(document)
            wanted = (patch.get("metadata") or {}).get("annotations") or {}
            if wanted.get(STOP_ANNOTATION) and not run.is_running:
                raise SteerError(f"nothing to stop: {_interrupted(run.info)}")
            changed: dict[str, Any] = merge(document, patch)
            problems = check(changed).problems if "spec" in patch else []
            if problems:
                raise SteerError("; ".join(map(str, problems)))
            return changed

        run.change(merged)


def merge(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396): null takes a field off, lists are replaced."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def _is_asked_for(document: Mapping[str, Any], marks: Mapping[str, str], user: str | None) -> bool:
    metadata = document["metadata"]
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return marks.items() <= labels.items() and (user is None or notes.get(CREATED_BY) == user)


def _meta(info: RunInfo) -> RunMeta:
    return RunMeta(info.name, info.id, rfc3339(info.created))


def _brief(run: StoredRun) -> RunRecord:
    info = run.info
    message = info.message
    if not info.phase.terminal and not run.is_running:
        message = _interrupted(info)
    progress = {
        "completedSteps": info.completed,
        "totalSteps": info.total,
        "summary": f"{info.completed}/{info.total}",
    }
    status = {
        "phase": str(info.phase),
        "reason": info.reason or None,
        "message": message or None,
        "startTime": rfc3339(info.started),
        "completionTime": rfc3339(info.finished),
        "progress": progress,
    }
    return RunRecord(_meta(info), {k: v for k, v in status.items() if v is not None})


def _interrupted(info: RunInfo) -> str:
    who = f"process {info.pid} on {info.host}" if info.pid else "its process"
    return (
        f"nobody runs {info.name}, {who} has ended before it; `jobflow resume {info.name}` goes on"
    )
