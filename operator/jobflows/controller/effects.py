"""Carries out the actions of a plan on the API server.

Every action is safe to repeat. A Job is only ever created, under a name that follows from the flow,
step and attempt: if it exists already and is ours, that is success. Answers to our own writes go
into the informer's store at once, so the next plan sees them even if the watch is late.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.clock import Clock
from jobflows.cluster.errors import ApiError
from jobflows.cluster.informer import Informer
from jobflows.cluster.resources import CONFIG_MAPS, JOBFLOWS, JOBS, PERSISTENT_VOLUME_CLAIMS
from jobflows.cluster.transport import TransportError
from jobflows.controller.flowstate import FlowState
from jobflows.controller.holds import WHOLE_FLOW
from jobflows.controller.metrics import Metrics
from jobflows.controller.status_writer import StatusWriter
from jobflows.controller.unanswered import Unanswered
from jobflows.controller.world import World
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
    Instant,
    Reason,
    StartAttempt,
    StopAttempt,
)
from jobflows.manifests.job import build_job
from jobflows.manifests.records import JobRecord, Meta
from jobflows.manifests.resources import build_resources

log = logging.getLogger(__name__)


class BlockedError(Exception):
    """Something stands in the way for now, of one step or of the whole flow."""

    def __init__(self, message: str, *, whole_flow: bool = False) -> None:
        super().__init__(message)
        self.whole_flow = whole_flow


class _Owned(msgspec.Struct):
    metadata: Meta


_decode_owned = msgspec.json.Decoder(_Owned).decode


class Effects:
    """Turns actions into calls. `held` is told why a start has to wait, and until when."""

    def __init__(
        self,
        client: Client,
        jobs: Informer[JobRecord],
        status: StatusWriter,
        world: World,
        *,
        clock: Clock,
        metrics: Metrics,
        held: Callable[[str, Exception, Instant], None],
        enqueue: Callable[[str], None],
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._status = status
        self._world = world
        self._clock = clock
        self._metrics = metrics
        self._held = held
        self._enqueue = enqueue
        self._starts: set[asyncio.Task[None]] = set()
        self._unanswered = Unanswered(client, jobs, world, enqueue)

    async def carry_out(
        self, state: FlowState, flow: CompiledFlow, actions: Sequence[Action]
    ) -> None:
        """Carry out `actions`, before anything is awaited that could make their plan old.

        Starts are only set going: the flow is planned again when they are answered, and events do
        not wait for them. Exit handlers are started, and removals are done, once the ledger is on
        record. Raises what has to be tried again.
        """
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
                        self._begin(state, flow, action)
                        first = False
                case CreateResources():
                    await self._create_resources(state, flow)
                    self._enqueue(state.uid)
                case _:
                    removals.append(action)
        if handlers:
            await self._status.flush(state)
            self._enqueue(state.uid)  # what is free may be another's by now
        if removals:
            await self._status.flush(state)
            await _all([self._remove(flow, action) for action in removals])

    async def drain(self) -> None:
        """Wait until every start that is under way is answered."""
        while self._starts:
            await asyncio.wait(self._starts)

    def abandon(self) -> None:
        """The operator is cancelled: starts that are under way are left to the next one."""
        for task in self._starts:
            task.cancel()
        self._unanswered.abandon()

    async def delete_flow(self, meta: Meta) -> None:
        """Delete a finished flow that cannot be compiled any more."""
        try:
            await self._client.delete(JOBFLOWS, meta.namespace, meta.name, uid=meta.uid)
        except ApiError as error:
            if not (error.not_found or error.is_conflict):
                raise

    def _begin(self, state: FlowState, flow: CompiledFlow, action: StartAttempt) -> None:
        step = flow.steps[action.step].name
        manifest = build_job(flow, action)
        ref = AttemptRef(manifest["metadata"]["name"])
        request = Attempt(
            number=action.number,
            state=AttemptState.STARTING,
            ref=ref,
            tasks=action.tasks,
            locks=flow.steps[action.step].locks,
        )
        self._world.requested(state, step, request)
        task = asyncio.get_running_loop().create_task(
            self._start(state, flow, step, request, manifest)
        )
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)

    async def _start(
        self,
        state: FlowState,
        flow: CompiledFlow,
        step: str,
        request: Attempt,
        manifest: dict[str, Any],
    ) -> None:
        """Create the Job and put the answer where the next plan sees it."""
        self._metrics.steps_queued(flow.namespace, 1)
        answer: Attempt | None = None
        unanswered = replace(request, state=AttemptState.UNANSWERED)
        try:
            answer = await self._create(flow, request, manifest)
            state.holds.accept(step)
        except BlockedError as error:
            answer = _refused(request, AttemptState.BLOCKED, str(error))
            self._hold(state, WHOLE_FLOW if error.whole_flow else step, error)
        except (ApiError, TransportError) as error:
            answer = None if isinstance(error, ApiError) and error.throttled else unanswered
            self._hold(state, WHOLE_FLOW, error)
        except Exception as error:  # a step must not wait for ever for an answer to nothing
            log.exception("start failed", extra={"flow": flow.name, "namespace": flow.namespace})
            answer = unanswered
            self._hold(state, step, error)
        finally:
            self._metrics.steps_queued(flow.namespace, -1)
        if answer is not None:
            self._world.requested(state, step, answer)
            self._enqueue(state.uid)
        elif self._world.settled(state, step, request.number):
            self._enqueue(state.uid)  # the Job is gone already, or was never made
        if answer is unanswered:
            self._unanswered.look_into(state, step, unanswered)

    def _hold(self, state: FlowState, key: str, error: Exception) -> None:
        until = state.holds.refuse(key, state.uid, self._clock.now())
        self._held(state.uid, error, until)

    async def _create(
        self, flow: CompiledFlow, request: Attempt, manifest: dict[str, Any]
    ) -> Attempt | None:
        """Create the Job; None when it is there, else how the API server refused it."""
        try:
            answer = await self._client.create(JOBS, flow.namespace, manifest)
        except ApiError as error:
            if error.already_exists:
                return await self._adopt(flow, request)
            if error.invalid:
                return _refused(request, AttemptState.FAILED, error.message)
            if error.status in (403, 404):  # quota, a policy, a namespace on its way out
                for_all = error.not_found or error.quota_exceeded or error.namespace_terminating
                raise BlockedError(error.message, whole_flow=for_all) from error
            raise
        self._jobs.observe(self._jobs.decode(answer))
        return None

    async def _adopt(self, flow: CompiledFlow, request: Attempt) -> Attempt | None:
        """A Job of that name exists: ours from before a crash, or somebody else's."""
        name = request.ref.name
        job = self._jobs.decode(await self._client.get(JOBS, flow.namespace, name))
        owner = job.metadata.owner
        if owner is not None and owner.uid == flow.uid:
            log.info("adopted %s", name, extra={"flow": flow.name, "namespace": flow.namespace})
            self._jobs.observe(job)
            return None
        if _is_predecessors(job.metadata, flow):
            raise BlockedError(f"Job {name} of an earlier flow {flow.name} is not deleted yet")
        who = f"{owner.kind} {owner.name}" if owner else "nobody"
        words = f"a Job named {name} exists and belongs to {who}; rename the step, or delete it"
        return _refused(request, AttemptState.FAILED, words)

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


def _refused(request: Attempt, how: AttemptState, message: str) -> Attempt:
    return replace(
        request, state=how, cause=Cause.REJECTED, reason=Reason.REJECTED, message=message
    )


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
