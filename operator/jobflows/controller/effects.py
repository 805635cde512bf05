"""Carries out the actions of a plan on the API server.

Every action is safe to repeat. A Job is only ever created, under a name that follows from the flow,
step and attempt: if it exists already and is ours, that is success. Answers to our own writes go
into the informer's store at once, so the next plan sees them even if the watch is late.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.informer import Informer
from jobflows.cluster.resources import CONFIG_MAPS, JOBFLOWS, JOBS, PERSISTENT_VOLUME_CLAIMS
from jobflows.controller.flowstate import FlowState
from jobflows.controller.status_writer import StatusWriter
from jobflows.engine import (
    Action,
    Attempt,
    AttemptRef,
    AttemptState,
    Cause,
    CompiledFlow,
    CreateResources,
    DeleteAttempt,
    DeleteFlow,
    Reason,
    StartAttempt,
    StopAttempt,
)
from jobflows.manifests.job import build_job
from jobflows.manifests.records import JobRecord, Meta
from jobflows.manifests.resources import build_resources

log = logging.getLogger(__name__)


class BlockedError(Exception):
    """Something stands in the way for now; the flow is reconciled again after a back-off."""


class _Owned(msgspec.Struct):
    metadata: Meta


_decode_owned = msgspec.json.Decoder(_Owned).decode


class Effects:
    """Turns actions into calls; raises when something has to be tried again."""

    def __init__(self, client: Client, jobs: Informer[JobRecord], status: StatusWriter) -> None:
        self._client = client
        self._jobs = jobs
        self._status = status

    async def carry_out(
        self, state: FlowState, flow: CompiledFlow, actions: Sequence[Action]
    ) -> None:
        """Carry out `actions`: starts together and at once, removals once the ledger is written."""
        starts = [self._start(state, flow, a) for a in actions if isinstance(a, StartAttempt)]
        if any(isinstance(action, CreateResources) for action in actions):
            starts.append(self._create_resources(state, flow))
        await _all(starts)
        removals = [a for a in actions if isinstance(a, StopAttempt | DeleteAttempt | DeleteFlow)]
        if removals:
            await self._status.flush(state)
            await _all([self._remove(flow, action) for action in removals])

    async def _start(self, state: FlowState, flow: CompiledFlow, action: StartAttempt) -> None:
        step = flow.steps[action.step].name
        place = (step, action.number)
        manifest = build_job(flow, action.step, action.number, action.parameters)
        name = manifest["metadata"]["name"]
        try:
            answer = await self._client.create(JOBS, flow.namespace, manifest)
        except ApiError as error:
            if error.already_exists:
                await self._adopt(state, flow, place, name)
            elif error.status in (400, 422):
                self._refuse(state, place, name, AttemptState.FAILED, error.message)
            elif error.status in (403, 404):  # quota, a policy, a namespace on its way out
                self._refuse(state, place, name, AttemptState.BLOCKED, error.message)
                raise BlockedError(f"{name}: {error.message}") from error
            else:
                raise
            return
        state.refused.pop(place, None)
        self._jobs.observe(self._jobs.decode(answer))

    async def _adopt(
        self, state: FlowState, flow: CompiledFlow, place: tuple[str, int], name: str
    ) -> None:
        """A Job of that name exists: ours from before a crash, or somebody else's."""
        job = self._jobs.decode(await self._client.get(JOBS, flow.namespace, name))
        owner = job.metadata.owner
        if owner is not None and owner.uid == flow.uid:
            log.info("adopted %s", name, extra={"flow": flow.name, "namespace": flow.namespace})
            state.refused.pop(place, None)
            self._jobs.observe(job)
            return
        if _is_predecessors(job.metadata, flow):
            words = f"Job {name} of an earlier flow {flow.name} is not deleted yet"
            self._refuse(state, place, name, AttemptState.BLOCKED, words)
            raise BlockedError(words)
        who = f"{owner.kind} {owner.name}" if owner else "nobody"
        words = f"a Job named {name} exists and belongs to {who}; rename the step, or delete it"
        self._refuse(state, place, name, AttemptState.FAILED, words)

    def _refuse(
        self,
        state: FlowState,
        place: tuple[str, int],
        name: str,
        how: AttemptState,
        message: str,
    ) -> None:
        state.refused[place] = Attempt(
            number=place[1],
            state=how,
            ref=AttemptRef(name),
            cause=Cause.REJECTED,
            reason=Reason.REJECTED,
            message=message,
        )
        state.touch(place[0])

    async def _create_resources(self, state: FlowState, flow: CompiledFlow) -> None:
        for manifest in build_resources(flow):
            kind = manifest["kind"]
            resource = CONFIG_MAPS if kind == "ConfigMap" else PERSISTENT_VOLUME_CLAIMS
            name = manifest["metadata"]["name"]
            try:
                await self._client.create(resource, flow.namespace, manifest)
            except ApiError as error:
                if error.status in (400, 422):
                    state.resources_problem = f"{kind} {name}: {error.message}"
                    return
                if not error.already_exists:
                    raise
                found = _decode_owned(await self._client.get(resource, flow.namespace, name))
                owner = found.metadata.owner
                if owner is not None and owner.uid == flow.uid:
                    continue
                if _is_predecessors(found.metadata, flow):
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
        try:
            answer = await self._client.delete(
                resource, flow.namespace, name, uid=uid, propagation=propagation
            )
        except ApiError as error:
            if not (error.not_found or error.is_conflict):
                raise
            return
        if isinstance(action, StopAttempt) and b'"deletionTimestamp"' in answer:
            self._jobs.observe(self._jobs.decode(answer))


def _is_predecessors(meta: Meta, flow: CompiledFlow) -> bool:
    """Whether an object is left over from a deleted flow of the same name."""
    owner = meta.owner
    return (
        owner is not None
        and owner.kind == "JobFlow"
        and owner.name == flow.name
        and owner.uid != flow.uid
    )


async def _all(calls: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Await all calls, and only then raise the first failure: none is left half done."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
