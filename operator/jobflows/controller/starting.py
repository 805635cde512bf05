"""Creates the Jobs of attempts, and says what became of asking.

A Job is only ever created, under a name that follows from the flow, step and attempt: if it exists
already and is ours, that is success. Two flows may come to the same name (`a` with step `b-c`, and
`a-b` with step `c`): the one that comes second takes a name with a hash, and keeps to it for as
long as nobody knows what became of the attempt. Answers go into the informer's store at once, so
the next plan sees them even if the watch is late. A call that went wrong is not tried again here:
the next plan knows whether the Job is wanted still.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from jobflows.cluster.client import Client
from jobflows.cluster.clock import Clock
from jobflows.cluster.errors import ApiError
from jobflows.cluster.informer import Informer
from jobflows.cluster.resources import JOBS
from jobflows.cluster.transport import TransportError
from jobflows.controller.flowstate import FlowState
from jobflows.controller.holds import WHOLE_FLOW
from jobflows.controller.shards import Shard
from jobflows.controller.unanswered import Unanswered
from jobflows.controller.world import World
from jobflows.engine import (
    Attempt,
    AttemptRef,
    AttemptState,
    Cause,
    CompiledFlow,
    Instant,
    Reason,
    StartAttempt,
)
from jobflows.manifests import labels
from jobflows.manifests.job import build_job
from jobflows.manifests.records import JobRecord, OwnedMeta

Object = dict[str, Any]

log = logging.getLogger(__name__)


class BlockedError(Exception):
    """Something stands in the way for now, of one step or of the whole flow."""

    def __init__(self, message: str, *, whole_flow: bool = False) -> None:
        super().__init__(message)
        self.whole_flow = whole_flow


class Starting:
    """Sets starts going. `held` is told why one has to wait, and until when."""

    def __init__(
        self,
        client: Client,
        jobs: Informer[JobRecord],
        world: World,
        shard: Shard,
        *,
        clock: Clock,
        held: Callable[[str, Exception, Instant], None],
        enqueue: Callable[[str], None],
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._world = world
        self._shard = shard
        self._clock = clock
        self._held = held
        self._enqueue = enqueue
        self._starts: set[asyncio.Task[None]] = set()
        self._unanswered = Unanswered(client, jobs, world, enqueue)

    async def drain(self) -> None:
        """Wait until every start that is under way is answered."""
        while self._starts:
            await asyncio.wait(self._starts)

    def abandon(self) -> None:
        """The operator is cancelled: starts that are under way are left to the next one."""
        for task in self._starts:
            task.cancel()
        self._unanswered.abandon()

    def keeps(self, state: FlowState) -> bool:
        """Whether Jobs of a flow may be made here; else its status is to say whose it is."""
        return self._shard.keeps(state)

    def begin(self, state: FlowState, flow: CompiledFlow, action: StartAttempt) -> None:
        """Have the Job of an attempt created, and the flow planned again when that is answered."""
        step = flow.steps[action.step].name
        known = state.sightings.asked_for(step, action.number)
        name = labels.job_name(flow.name, step, action.number)
        if known is not None:  # it may exist, and under no other name than this
            name = known.ref.name
        request = Attempt(
            number=action.number,
            state=AttemptState.STARTING,
            ref=AttemptRef(name),
            tasks=action.tasks,
            locks=flow.steps[action.step].locks,
        )
        self._world.requested(state, step, request)
        make = partial(build_job, flow, action, shard=self._shard.stamp(state))
        task = asyncio.get_running_loop().create_task(self._start(state, flow, step, request, make))
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)

    async def _start(
        self,
        state: FlowState,
        flow: CompiledFlow,
        step: str,
        request: Attempt,
        make: Callable[[], Object],
    ) -> None:
        """Create the Job and put the answer where the next plan sees it."""
        answer: Attempt | None = None
        unanswered = replace(request, state=AttemptState.UNANSWERED)
        try:
            answer = await self._create(state, flow, step, request, make)
            if answer is not None and answer.state is AttemptState.STARTING:
                self._world.requested(state, step, answer)
                unanswered = replace(answer, state=AttemptState.UNANSWERED)
                answer = await self._create(state, flow, step, answer, make)
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
        self,
        state: FlowState,
        flow: CompiledFlow,
        step: str,
        request: Attempt,
        make: Callable[[], Object],
    ) -> Attempt | None:
        """Create the Job; None when it is there, else how the API server refused it.

        A request that is still to be made, STARTING, has another name than this one.
        """

        def manifest() -> Object:
            job = make()
            job["metadata"]["name"] = request.ref.name
            return job

        try:
            answer = await self._client.create(JOBS, flow.namespace, manifest, attempts=1)
        except ApiError as error:
            if error.already_exists:
                return await self._adopt(state, flow, step, request)
            if error.invalid:
                return _refused(request, AttemptState.FAILED, error.message)
            if error.status in (403, 404):  # quota, a policy, a namespace on its way out
                for_all = error.not_found or error.quota_exceeded or error.namespace_terminating
                raise BlockedError(error.message, whole_flow=for_all) from error
            raise
        self._jobs.observe(self._jobs.decode(answer))
        return None

    async def _adopt(
        self, state: FlowState, flow: CompiledFlow, step: str, request: Attempt
    ) -> Attempt | None:
        """A Job of that name exists: ours from before a crash, or somebody else's."""
        name = request.ref.name
        job = self._jobs.decode(await self._client.get(JOBS, flow.namespace, name))
        owner = job.metadata.owner
        if owner is not None and owner.uid == flow.uid:
            log.info("adopted %s", name, extra={"flow": flow.name, "namespace": flow.namespace})
            self._jobs.observe(job)
            stamp = job.metadata.labels.get(labels.SHARD, "")
            if stamp.isdecimal():  # an edit came before the stamp: it belongs where its Jobs are
                state.bucket = int(stamp)
            return None
        if is_predecessors(job.metadata, flow):
            raise BlockedError(f"Job {name} of an earlier flow {flow.name} is not deleted yet")
        spare = labels.spare_job_name(flow.name, step, request.number)
        if owner is not None and owner.kind == "JobFlow" and name != spare:
            return replace(request, ref=AttemptRef(spare))
        who = f"{owner.kind} {owner.name}" if owner else "nobody"
        words = f"a Job named {name} exists and belongs to {who}; rename the step, or delete it"
        return _refused(request, AttemptState.FAILED, words)


def is_predecessors(meta: OwnedMeta, flow: CompiledFlow) -> bool:
    """Whether an object is left over from a deleted flow of the same name."""
    owner = meta.owner
    return (
        owner is not None
        and owner.kind == "JobFlow"
        and owner.name == flow.name
        and owner.uid != flow.uid
    )


def _refused(request: Attempt, how: AttemptState, message: str) -> Attempt:
    return replace(
        request, state=how, cause=Cause.REJECTED, reason=Reason.REJECTED, message=message
    )
