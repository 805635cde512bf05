"""What the operator of a shard sees of the cluster: live copies of its flows, Jobs and pods.

Jobs and pods are selected by the server; flows are watched whole and dropped as they are decoded,
because nobody writes labels on what belongs to users. Started flows first: a status never names a
Job that is younger than the list of Jobs, so a Job that is missing from the list is really gone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

from jobflows.cluster.client import Client
from jobflows.cluster.informer import Informer
from jobflows.cluster.resources import JOBFLOWS, JOBS, PODS
from jobflows.controller.flowstate import FlowState
from jobflows.controller.settings import Settings
from jobflows.controller.shards import Shard
from jobflows.controller.world import World
from jobflows.manifests import labels
from jobflows.manifests.records import FlowRecord, JobRecord, PodRecord


class Views:
    """The three informers of one shard; `world` is told of every difference."""

    def __init__(
        self, client: Client, world: World, shard: Shard, settings: Settings, rng: random.Random
    ) -> None:
        namespace = settings.watch_namespace
        selector = ",".join(filter(None, (labels.SELECTOR, shard.selector)))
        self.flows = Informer(
            client,
            JOBFLOWS,
            FlowRecord,
            on_change=world.flow_changed,
            rng=rng,
            namespace=namespace,
            label_selector=settings.label_selector,
            selects=shard.has if shard.count > 1 else None,
        )
        self.jobs = Informer(
            client,
            JOBS,
            JobRecord,
            on_change=world.job_changed,
            rng=rng,
            namespace=namespace,
            label_selector=selector,
        )
        self.pods = Informer(
            client,
            PODS,
            PodRecord,
            on_change=world.pod_changed,
            rng=rng,
            namespace=namespace,
            label_selector=selector,
        )
        self.all = (self.flows, self.jobs, self.pods)
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, group: asyncio.TaskGroup, ended: asyncio.Event) -> None:
        """Have them run in `group`; returns when all have listed, or when `ended` is set."""
        self.tasks.append(group.create_task(self.flows.run(), name="flows"))
        await either(self.flows.synced, ended)
        for informer, name in ((self.jobs, "jobs"), (self.pods, "pods")):
            self.tasks.append(group.create_task(informer.run(), name=name))
        await either(self.jobs.synced, ended)
        await either(self.pods.synced, ended)

    def checks(self) -> Mapping[str, bool]:
        """Which of them have listed."""
        return {informer.resource.plural: informer.synced.is_set() for informer in self.all}

    async def look_up(self, state: FlowState) -> None:
        """Read a flow's Jobs and pods from the API server, not from memory."""
        if state.record is None:
            return
        namespace = state.record.metadata.namespace
        selector = f"{labels.SELECTOR},{labels.FLOW_UID}={state.uid}"
        await self.jobs.look_up(namespace, selector)
        await self.pods.look_up(namespace, selector)

    async def look_up_flow(self, state: FlowState) -> bool:
        """Read a flow from the API server; False if it is gone, which the watch has yet to tell."""
        if state.record is None:
            return False
        meta = state.record.metadata
        found = await self.flows.read(meta.namespace, meta.name)
        if found is None:
            return False
        self.flows.observe(found)
        return found.metadata.uid == meta.uid


async def either(one: asyncio.Event, other: asyncio.Event) -> None:
    """Wait for one of two."""
    waits = {asyncio.ensure_future(one.wait()), asyncio.ensure_future(other.wait())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
