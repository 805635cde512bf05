"""Carries out the actions of a plan on the API server.

Every action is safe to repeat. How Jobs are created is told in `starting.py`. What removes
something waits until its reason is on record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.clock import Clock
from jobflows.cluster.errors import ApiError
from jobflows.cluster.informer import Informer
from jobflows.cluster.resources import (
    CONFIG_MAPS,
    JOBFLOWS,
    JOBS,
    PERSISTENT_VOLUME_CLAIMS,
    Resource,
)
from jobflows.controller.flowstate import FlowState
from jobflows.controller.starting import BlockedError, Starting, is_predecessors
from jobflows.controller.status_writer import StatusWriter
from jobflows.engine import (
    Action,
    CompiledFlow,
    CreateResources,
    DeleteAttempt,
    DeleteFlow,
    StartAttempt,
    StopAttempt,
)
from jobflows.manifests.records import JobRecord, Meta, OwnedMeta
from jobflows.manifests.resources import build_resources


class _Owned(msgspec.Struct):
    metadata: OwnedMeta


_decode_owned = msgspec.json.Decoder(_Owned).decode


class Effects:
    """Turns actions into calls."""

    def __init__(
        self,
        client: Client,
        jobs: Informer[JobRecord],
        status: StatusWriter,
        *,
        starting: Starting,
        clock: Clock,
        enqueue: Callable[[str], None],
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._status = status
        self._starting = starting
        self._clock = clock
        self._enqueue = enqueue

    async def carry_out(
        self, state: FlowState, flow: CompiledFlow, actions: Sequence[Action]
    ) -> None:
        """Carry out `actions`, before anything is awaited that could make their plan old.

        Starts are only set going: the flow is planned again when they are answered, and events do
        not wait for them. Exit handlers are started, and removals are done, once the ledger is on
        record, and not at all of a flow that has no record here. Raises what has to be tried again.
        """
        if not self._starting.keeps(state):
            await self._status.flush(state)
            return
        removals = []
        first, handlers = True, False
        for action in actions:
            match action:
                case StartAttempt(step=step):
                    name = flow.steps[step].name
                    if flow.steps[step].on_exit and state.ledger != state.ledger_on_record:
                        handlers = True  # the end of the steps must not be forgotten
                        continue
                    if state.holds.allows(name, self._clock.now(), first=first):
                        self._starting.begin(state, flow, action)
                        first = False
                case CreateResources():
                    await self._create_resources(state, flow)
                    self._enqueue(state.uid)
                case _:
                    removals.append(action)
        if (handlers or removals) and not await self._status.flush(state):
            return
        if handlers:
            self._enqueue(state.uid)  # what is free may be another's by now
        if removals:
            await _all([self._remove(flow, action) for action in removals])

    async def delete_flow(self, meta: Meta) -> None:
        """Delete a finished flow that cannot be compiled any more."""
        await self._delete(JOBFLOWS, meta.namespace, meta.name, meta.uid)

    async def _create_resources(self, state: FlowState, flow: CompiledFlow) -> None:
        for manifest in build_resources(flow):
            kind = manifest["kind"]
            resource = CONFIG_MAPS if kind == "ConfigMap" else PERSISTENT_VOLUME_CLAIMS
            name = manifest["metadata"]["name"]
            try:
                await self._client.create(resource, flow.namespace, manifest)
            except ApiError as error:
                if error.invalid:
                    state.resources_problem = f"{kind} {name}: {error.message}"
                    return
                if not error.already_exists:
                    raise
                found = _decode_owned(await self._client.get(resource, flow.namespace, name))
                owner = found.metadata.owner
                if owner is not None and owner.uid == flow.uid:
                    continue
                if is_predecessors(found.metadata, flow):
                    words = f"{kind} {name} of an earlier flow is not deleted yet"
                    raise BlockedError(words) from error
                state.resources_problem = (
                    f"{kind} {name} exists and does not belong to this flow; "
                    "rename the template, or delete it"
                )
                return
        state.resources_ready = True

    async def _remove(
        self, flow: CompiledFlow, action: StopAttempt | DeleteAttempt | DeleteFlow
    ) -> None:
        resource, name, uid = JOBFLOWS, flow.name, flow.uid
        if not isinstance(action, DeleteFlow):
            resource = JOBS
            name, uid = action.attempt.ref.name, action.attempt.ref.uid
        # In the foreground a stopped Job stays until its pods are gone: the next attempt waits.
        propagation = "Foreground" if isinstance(action, StopAttempt) else "Background"
        answer = await self._delete(resource, flow.namespace, name, uid, propagation)
        if isinstance(action, StopAttempt) and b'"deletionTimestamp"' in answer:
            self._jobs.observe(self._jobs.decode(answer))

    async def _delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        uid: str,
        propagation: str = "Background",
    ) -> bytes:
        """Delete this very object; the answer, empty if it is gone.

        A conflict mostly says that the name is another's by now. Only the watch can tell: until it
        says that the object is gone, it is tried again.
        """
        try:
            return await self._client.delete(
                resource, namespace, name, uid=uid, propagation=propagation
            )
        except ApiError as error:
            if error.not_found:
                return b""
            if error.is_conflict:
                raise BlockedError(f"{name} is not deleted: {error.message}") from error
            raise


async def _all(calls: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Await all calls, and only then raise the first failure: none is left half done."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
