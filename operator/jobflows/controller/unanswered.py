"""Starts that were never answered: the Job may be there, or may still come.

Such an attempt counts under every limit, and the planner asks for it again, which settles it. This
is for those that are not asked for again, because their flow is paused, has ended or is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.informer import Informer
from jobflows.cluster.resources import JOBS
from jobflows.cluster.transport import TransportError
from jobflows.controller.flowstate import FlowState
from jobflows.controller.world import World
from jobflows.engine import Attempt
from jobflows.manifests.records import JobRecord

EFFECT_SECONDS = 60.0
"""How long a request may take to have its effect; the API server itself gives up after that."""


class Unanswered:
    """Looks for the Jobs, one after the other wait, until each is found or is not there."""

    def __init__(
        self,
        client: Client,
        jobs: Informer[JobRecord],
        world: World,
        enqueue: Callable[[str], None],
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._world = world
        self._enqueue = enqueue
        self._tasks: set[asyncio.Task[None]] = set()

    def look_into(self, state: FlowState, step: str, request: Attempt) -> None:
        """See to it that the flow learns what became of `request`."""
        task = asyncio.get_running_loop().create_task(self._settle(state, step, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def abandon(self) -> None:
        """The operator ends; its successor lists the Jobs."""
        for task in self._tasks:
            task.cancel()

    async def _settle(self, state: FlowState, step: str, request: Attempt) -> None:
        while True:
            await asyncio.sleep(EFFECT_SECONDS)
            if not state.sightings.is_asked_for(step, request):
                return
            try:
                answer = await self._client.get(JOBS, state.namespace, request.ref.name)
                self._jobs.observe(self._jobs.decode(answer))
            except ApiError as error:
                if not error.not_found:
                    continue
            except TransportError:
                continue
            if state.sightings.is_asked_for(step, request):
                self._world.settled(state, step, request.number)
                self._enqueue(state.uid)
            return
