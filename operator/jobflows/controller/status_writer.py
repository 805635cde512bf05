"""Ledgers become statuses: late enough to be few, early enough to be useful.

A flow's status is written at most once per batch period (a longer one while the API server is
slow), at once when the flow ends, and never when nothing changed. Only changed top-level fields
are sent. Starting a step never waits for this; stopping one does (`flush`), because an outcome
must be on record before its traces are removed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from jobflows.cluster.client import Client
from jobflows.cluster.clock import Clock
from jobflows.cluster.errors import ApiError
from jobflows.cluster.informer import Informer
from jobflows.cluster.resources import JOBFLOWS
from jobflows.cluster.transport import JSON_PATCH, TransportError
from jobflows.controller.flowstate import FlowState
from jobflows.controller.metrics import Metrics
from jobflows.controller.pressure import LONGEST, Pressure
from jobflows.controller.shards import Shard
from jobflows.engine import conditions, write_status
from jobflows.manifests.records import FlowRecord

RETRY_SECONDS = 2.0
SHARE = 0.05
"""Part of the time that the API server may spend on one flow's status: a large one costs more."""
TURNS = 16
"""Statuses on their way at a time. The others are not made yet: what happens while they wait is in
them, and they do not stand before Jobs in the line for the API server."""

log = logging.getLogger(__name__)


class StatusWriter:
    """One for all flows. `after_write` is told when what a flow's ledger says is on record."""

    def __init__(
        self,
        client: Client,
        flows: Informer[FlowRecord],
        shard: Shard,
        *,
        clock: Clock,
        period: float,
        pressure: Pressure,
        metrics: Metrics,
        after_write: Callable[[FlowState], None],
    ) -> None:
        self._client = client
        self._flows = flows
        self._shard = shard
        self._clock = clock
        self._period = period
        self._pressure = pressure
        self._metrics = metrics
        self._after_write = after_write
        self._due: dict[str, tuple[FlowState, asyncio.TimerHandle]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(TURNS)

    def mark(self, state: FlowState, *, urgent: bool = False) -> None:
        """The ledger of a flow has changed: have it written soon, or now."""
        if state.in_line:
            return
        waiting = self._due.get(state.uid)
        if waiting is not None:
            if not urgent:
                return
            waiting[1].cancel()
        delay = self._period
        if urgent:
            delay = 0.0
        elif state.ledger_on_record is not None:  # a first word about a flow does not wait long
            delay = max(
                self._pressure.stretch(self._period), min(LONGEST, state.status_cost / SHARE)
            )
        timer = asyncio.get_running_loop().call_later(delay, self._fire, state)
        self._due[state.uid] = (state, timer)

    async def flush(self, state: FlowState) -> bool:
        """Return when the ledger as it is now is on record; raises what the API server says.

        False if there is no record of the flow here any more: the watch is about to tell of it.
        """
        waiting = self._due.pop(state.uid, None)
        if waiting is not None:
            waiting[1].cancel()
        return await self._write_ledger(state)

    async def drain(self) -> None:
        """Write all that waits, for a clean stop; what fails is made good by the next start."""
        for state, timer in self._due.values():
            timer.cancel()
            self._spawn(state)
        self._due.clear()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def abandon(self) -> None:
        """The operator is cancelled: nothing is written any more."""
        for _, timer in self._due.values():
            timer.cancel()
        self._due.clear()
        for task in self._tasks:
            task.cancel()

    def forget(self, state: FlowState) -> None:
        """The flow is gone: nothing is written to it any more."""
        waiting = self._due.pop(state.uid, None)
        if waiting is not None:
            waiting[1].cancel()

    async def put(
        self, state: FlowState, status: dict[str, Any], known: dict[str, Any] | None = None
    ) -> bool:
        """Bring the status on the API server to `status`, with one patch or none.

        `known` is what its record says, if that is decoded already. The patch fits the flow as it
        is known here only: if somebody else has written to it, it is read and patched anew. False
        if the flow is gone, or another shard's.
        """
        while state.record is not None:
            record = state.record
            if known is None:
                known = record.decoded_status()
            status = {**status, "shard": self._shard.stamp(state)}
            patch = {key: value for key, value in status.items() if known.get(key) != value}
            if not patch.keys() - {"estimatedCompletionTime", "shard"}:
                return True
            try:
                await self._send(state, record, _json_patch(record, known, patch))
                return True
            except ApiError as error:
                if not (error.not_found or error.invalid):
                    raise
                found = await self._read(record)
                if found is None:
                    return False
                if found.metadata.resourceVersion == record.metadata.resourceVersion:
                    raise
                self._flows.observe(found)
                if state.record is record:
                    return False  # it is another shard's by now
                known = None
        return False

    async def _send(self, state: FlowState, record: FlowRecord, body: list[dict[str, Any]]) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            answer = await self._client.patch(
                JOBFLOWS,
                record.metadata.namespace,
                record.metadata.name,
                body,
                subresource="status",
                content_type=JSON_PATCH,
            )
        except (ApiError, TransportError):
            self._metrics.status_updated(loop.time() - started, ok=False)
            raise
        state.status_cost = loop.time() - started
        self._metrics.status_updated(state.status_cost, ok=True)
        if state.record is not None:  # else it was deleted, or has left the selection, meanwhile
            self._flows.observe(self._flows.decode(answer))

    async def _read(self, record: FlowRecord) -> FlowRecord | None:
        """The flow as it is now; None if that of this name is another one."""
        meta = record.metadata
        found = await self._flows.read(meta.namespace, meta.name)
        return found if found is not None and found.metadata.uid == meta.uid else None

    def _fire(self, state: FlowState) -> None:
        self._due.pop(state.uid, None)
        self._spawn(state)

    def _spawn(self, state: FlowState) -> None:
        state.in_line = True
        task = asyncio.get_running_loop().create_task(self._write_or_retry(state))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write_or_retry(self, state: FlowState) -> None:
        try:
            await self._write_ledger(state)
        except (ApiError, TransportError) as error:
            log.warning("status not written, will be tried again: %s", error)
            if state.record is not None and state.uid not in self._due and not state.in_line:
                timer = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._fire, state)
                self._due[state.uid] = (state, timer)

    async def _write_ledger(self, state: FlowState) -> bool:
        async with state.writing, self._turns:
            state.in_line = False
            flow, ledger, record = state.flow, state.ledger, state.record
            if record is None:
                return False
            if flow is None or ledger is None or ledger == state.ledger_on_record:
                return True  # one that is released is on record
            now = self._clock.now()
            status = write_status(flow, ledger, now)
            known = record.decoded_status()
            before = known.get("conditions") or ()
            problems, generation = state.problems_now, flow.generation
            if problems:  # said of the spec as it is; the rest is by the last valid one
                generation = status["observedGeneration"] = record.metadata.generation
            status["conditions"] = conditions(ledger, generation, now, before, problems)
            if not await self.put(state, status, known):
                return False
            if state.flow is flow:  # an edit in the meantime has to be written, too
                state.ledger_on_record = ledger
        self._after_write(state)
        return True


def _json_patch(
    record: FlowRecord, known: dict[str, Any], changes: dict[str, Any]
) -> list[dict[str, Any]]:
    """A patch of the status that fits this very flow only, and only as it is known.

    The API server does not look at `metadata.uid` in a merge patch of a status: it would give the
    status of a deleted flow to its successor of the same name. And one that the network holds up
    may arrive when another operator has long gone on.
    """
    meta = record.metadata
    tests = [
        {"op": "test", "path": "/metadata/uid", "value": meta.uid},
        {"op": "test", "path": "/metadata/resourceVersion", "value": meta.resourceVersion},
    ]
    given = {key: value for key, value in changes.items() if value is not None}
    if not known:
        return [*tests, {"op": "add", "path": "/status", "value": given}]
    return [
        *tests,
        *({"op": "add", "path": f"/status/{key}", "value": value} for key, value in given.items()),
        *(
            {"op": "remove", "path": f"/status/{key}"}
            for key in changes
            if key not in given and key in known
        ),
    ]
