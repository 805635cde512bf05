"""Kubernetes events about objects: written in the background, aggregated, never in the way.

`record` is called by the reconciler for each transition a user may want to see in
`kubectl describe`. It only puts a line in a bounded queue; one task writes while there is
something to write. Rules: a repeat of (uid, reason, note) within six minutes counts up the series
of its first event instead of making another; an object that talks too much is cut to one event in
five minutes after 25; failures are counted and logged, never raised.

Give it a `Client` with a limiter of its own, so that events never delay the starting of steps.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from jobflows.cluster.client import Client
from jobflows.cluster.clock import Clock, micro_time
from jobflows.cluster.errors import ApiError
from jobflows.cluster.resources import EVENTS, ObjectRef
from jobflows.cluster.transport import TransportError

NOTE_BYTES = 1024
TEXT_LIMIT = 128  # of reason, action and reportingInstance
SERIES_SECONDS = 360.0
BURST = 25
REFILL_PER_SECOND = 1 / 300
REMEMBERED = 4096
ATTEMPTS = 2

EventType = Literal["Normal", "Warning"]
K = TypeVar("K")
V = TypeVar("V")
_Key = tuple[str, str, str]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Series:
    """One event and its repeats."""

    regarding: ObjectRef
    type: EventType
    reason: str
    note: str
    action: str
    name: str
    first: float
    last: float
    count: int = 1
    created: bool = False
    queued: bool = False


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class EventStats:
    """Counters since the start, for metrics. `dropped`: full queue or a spent token bucket."""

    written: int = 0
    dropped: int = 0
    failed: int = 0


class EventRecorder:
    """`component` names the program (`reportingController`), `instance` this replica of it."""

    def __init__(
        self, client: Client, component: str, instance: str, clock: Clock, *, capacity: int = 1000
    ) -> None:
        self.stats = EventStats()
        self._client = client
        self._component = component
        self._instance = instance[:TEXT_LIMIT]
        self._clock = clock
        self._capacity = capacity
        self._queue: OrderedDict[int, _Series] = OrderedDict()
        self._series: OrderedDict[_Key, _Series] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._writer: asyncio.Task[None] | None = None
        self._closed = False

    def record(
        self,
        regarding: ObjectRef,
        reason: str,
        note: str,
        *,
        type: EventType = "Normal",
        action: str = "Reconcile",
    ) -> None:
        """Note a transition of `regarding`. Returns at once; must run inside the event loop."""
        if self._closed:
            self.stats.dropped += 1
            return
        now = self._clock.now()
        note = _cut(note)
        key = (regarding.uid, reason, note)
        series = self._series.get(key)
        if series is not None and now - series.last <= SERIES_SECONDS:
            series.count += 1
            series.last = now
        else:
            series = _Series(
                regarding, type, reason[:TEXT_LIMIT], note, action[:TEXT_LIMIT],
                _name(regarding, key, now), now, now,
            )  # fmt: skip
            _remember(self._series, key, series)
        if series.queued:
            return
        if len(self._queue) >= self._capacity or not self._allowed(regarding.uid, now):
            self.stats.dropped += 1
            return
        series.queued = True
        self._queue[id(series)] = series
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._drain(), name="events")

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 - a deadline to flush by
        """Write what is queued, for at most `timeout` seconds; later records are dropped."""
        self._closed = True
        writer = self._writer
        if writer is None:
            return
        _, unfinished = await asyncio.wait({writer}, timeout=timeout)
        if unfinished:
            self.stats.dropped += len(self._queue)
            self._queue.clear()
            writer.cancel()
            await asyncio.wait({writer})

    def abandon(self) -> None:
        """The process, or its part that records, is cancelled: nothing is written any more."""
        self._closed = True
        if self._writer is not None:
            self._writer.cancel()

    def _allowed(self, uid: str, now: float) -> bool:
        bucket = self._buckets.get(uid)
        if bucket is None:
            bucket = _Bucket(float(BURST), now)
        refill = max(0.0, now - bucket.at) * REFILL_PER_SECOND
        bucket.tokens = min(float(BURST), bucket.tokens + refill)
        bucket.at = now
        _remember(self._buckets, uid, bucket)
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True

    async def _drain(self) -> None:
        try:
            while self._queue:
                _, series = self._queue.popitem(last=False)
                series.queued = False
                try:
                    await self._write(series)
                    self.stats.written += 1
                except (ApiError, TransportError) as error:
                    self.stats.failed += 1
                    log.warning("event %s is lost: %s", series.name, error)
        finally:
            self._writer = None

    async def _write(self, series: _Series) -> None:
        namespace = series.regarding.namespace or "default"
        if series.created:
            try:
                await self._client.patch(
                    EVENTS, namespace, series.name, {"series": _counted(series)}, attempts=ATTEMPTS
                )
                return
            except ApiError as error:
                if not error.not_found:  # expired; make it anew
                    raise
        try:
            await self._client.create(EVENTS, namespace, self._body(series), attempts=ATTEMPTS)
        except ApiError as error:
            if not error.already_exists:  # our own first attempt, its answer was lost
                raise
        series.created = True

    def _body(self, series: _Series) -> dict[str, Any]:
        regarding = series.regarding
        body: dict[str, Any] = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": series.name, "namespace": regarding.namespace or "default"},
            "eventTime": micro_time(series.first),
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "type": series.type,
            "reason": series.reason,
            "action": series.action,
            "note": series.note,
            "regarding": {
                "apiVersion": regarding.api_version,
                "kind": regarding.kind,
                "namespace": regarding.namespace,
                "name": regarding.name,
                "uid": regarding.uid,
                "resourceVersion": regarding.resource_version,
            },
        }
        if series.count > 1:
            body["series"] = _counted(series)
        return body


def _counted(series: _Series) -> dict[str, Any]:
    return {"count": series.count, "lastObservedTime": micro_time(series.last)}


def _name(regarding: ObjectRef, key: _Key, now: float) -> str:
    """Unique for the series, and the same in a replay of a simulation."""
    digest = hashlib.blake2s("\0".join((*key, repr(now))).encode(), digest_size=8).hexdigest()
    return f"{regarding.name[:200].rstrip('.-')}.{digest}"


def _cut(note: str) -> str:
    """The API counts bytes, not characters."""
    encoded = note.encode("utf-8", "replace")
    if len(encoded) <= NOTE_BYTES:
        return note
    return encoded[: NOTE_BYTES - 3].decode("utf-8", "ignore") + "…"


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > REMEMBERED:
        memory.popitem(last=False)
