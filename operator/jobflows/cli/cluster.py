"""What the commands ask of a cluster and tell it: flows, their attempts, annotations, fields.

The only module of the command line that knows the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import msgspec

from jobflows.cli.jobs import Job
from jobflows.cluster import (
    JOBFLOWS,
    JOBS,
    PODS,
    ApiError,
    Client,
    Request,
    Resource,
    TransportError,
    WatchRefused,
)
from jobflows.engine import CompiledFlow, Instant
from jobflows.engine.indexes import IndexSet
from jobflows.manifests import labels
from jobflows.manifests.records import FlowRecord, JobRecord, PodRecord
from jobflows.steering.flows import ClusterFlows, decode_flow, decode_items, loaded
from jobflows.steering.loaded import Loaded

_TELLING = "status.phase!=Succeeded,status.phase!=Running"
"""Field selector of pods that have something to say of a Job that is on its way."""

MOST_NAMED = 50
"""Steps that a list names at most; URLs are not endless."""

MOST_COMPLETED = 100
"""Flows that a shell proposes; a list of all of them would take long, and nobody reads it."""

RECONNECT_SECONDS = 1.0


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Meta(msgspec.Struct):
    name: str


class _Named(msgspec.Struct):
    metadata: _Meta


_lines = msgspec.json.Decoder(_Line)
_named = msgspec.json.Decoder(_Named)
_job_records = msgspec.json.Decoder(JobRecord)
_pods = msgspec.json.Decoder(PodRecord)


class Cluster(ClusterFlows):
    """One namespace of a cluster, with all that belongs to its flows."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        *,
        now: Callable[[], Instant],
        stream: Callable[[Request], AsyncIterator[bytes]] | None = None,
    ) -> None:
        super().__init__(client, namespace)
        self._stream = stream
        self.now = now

    async def names(self) -> list[str]:
        """The names of flows, as many as one page has."""
        page = await self._client.list_page(JOBFLOWS, self.namespace, limit=MOST_COMPLETED)
        return [_named.decode(item).metadata.name for item in decode_items(page).items]

    async def follow(self, name: str) -> AsyncIterator[Loaded]:
        """A flow as it is now, and again whenever it changes, until it is deleted."""
        async for record in self._follow(name):
            yield loaded(record)

    async def _follow(self, name: str) -> AsyncIterator[FlowRecord]:
        record = await self.record(name)
        yield record
        while True:
            lines = self._client.watch(
                JOBFLOWS,
                self.namespace,
                field_selector=f"metadata.name={name}",
                resource_version=record.metadata.resourceVersion,
            )
            try:
                async with aclosing(lines):
                    async for text in lines:
                        line = _lines.decode(text)
                        if line.type == "DELETED":
                            return
                        if line.type in ("ADDED", "MODIFIED"):
                            record = decode_flow(line.object)
                            yield record
                        elif line.type == "ERROR":
                            break
            except ApiError as error:
                if not error.gone:
                    raise
            except TransportError:
                await asyncio.sleep(RECONNECT_SECONDS)
            record = await self.record(name)  # the watch has ended, was cut, or is too old
            yield record

    async def jobs(
        self, flow: CompiledFlow, steps: Sequence[str], arrays: Sequence[str] = ()
    ) -> list[Job]:
        """The Jobs of a flow's steps with their pods, by step and attempt; `arrays` are steps, too.

        Batches come without pods: an array may have 100,000, of which nobody wants to see all. Of
        many steps only Jobs that have not succeeded come, with the pods that do not run, and all of
        arrays: the rest is most of a large flow, takes the API server seconds to write out, and
        explains nothing.
        """
        owned = f"{labels.FLOW_UID}={flow.uid}"
        if len(steps) + len(arrays) <= MOST_NAMED:
            found = [await self._jobs(_in_steps(owned, (*steps, *arrays)))]
        else:
            parts = [arrays[i : i + MOST_NAMED] for i in range(0, len(arrays), MOST_NAMED)]
            found = await asyncio.gather(
                self._jobs(owned, jobs="status.successful=0", pods=_TELLING),
                *(self._jobs(_in_steps(owned, part)) for part in parts),
            )
        by_uid = {job.record.metadata.uid: job for part in found for job in part}
        return sorted(by_uid.values(), key=lambda job: (job.step, job.number))

    async def _jobs(self, selector: str, *, jobs: str = "", pods: str = "") -> list[Job]:
        """Jobs by labels, and of the other arguments fields, with the pods that have both."""
        pod_items, job_items = await asyncio.gather(
            self._list(PODS, f"{selector},{labels.SELECTOR}", self.namespace, pods),
            self._list(JOBS, selector, self.namespace, jobs),
        )
        by_owner: dict[str, list[PodRecord]] = {}
        for item in pod_items:
            pod = _pods.decode(item)
            if pod.metadata.owner is not None:
                by_owner.setdefault(pod.metadata.owner.uid, []).append(pod)
        found = []
        for item in job_items:
            job = _job_records.decode(item)
            marks = job.metadata.labels
            owned = tuple(by_owner.get(job.metadata.uid, ()))
            number = int(marks[labels.ATTEMPT])
            found.append(Job(marks[labels.STEP], number, job, owned, bytes(item)))
        return found

    async def with_pods(self, job: Job, task: int | None = None) -> Job:
        """A batch with all of its pods, or with that of one task."""
        selector = _pods_of(job)
        if task is not None:
            position = len(job.tasks & IndexSet.span(0, task))
            selector += f",{labels.POSITION}={position}"
        found = await self._list(PODS, selector, self.namespace)
        return replace(job, pods=_owned(job, found))

    async def sampled(self, job: Job, phase: str, most: int) -> Job:
        """A batch with some of its pods in a phase."""
        page = await self._client.list_page(
            PODS,
            self.namespace,
            label_selector=_pods_of(job),
            field_selector=f"status.phase={phase}",
            limit=most,
        )
        return replace(job, pods=_owned(job, decode_items(page).items))

    async def live_jobs(self) -> list[JobRecord]:
        """All Jobs of flows in the namespace that are not over."""
        found = await self._list(JOBS, labels.SELECTOR, self.namespace)
        return [job for item in found if not (job := _job_records.decode(item)).is_over]

    async def exists(self, resource: Resource, name: str) -> bool:
        """Whether an object is there."""
        try:
            await self._client.get(resource, self.namespace, name)
        except ApiError as error:
            if error.not_found:
                return False
            raise
        return True

    async def items(self, resource: Resource, selector: str = "", fields: str = "") -> list[Any]:
        """Objects in full; none where the API server does not know the kind."""
        try:
            found = await self._list(resource, selector, self.namespace, fields)
        except ApiError as error:
            if error.not_found or error.forbidden:
                return []
            raise
        return [msgspec.json.decode(item) for item in found]

    async def log(self, pod: str, query: Mapping[str, str]) -> bytes:
        """What a container has printed."""
        return await self._client.get(PODS, self.namespace, pod, subresource="log", query=query)

    async def follow_log(self, pod: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """What a container prints, from the beginning until it ends."""
        assert self._stream is not None, "the connection gives no streams"
        path = PODS.path(self.namespace, pod, "log")
        chunks = self._stream(Request("GET", path, {**query, "follow": "true"}))
        try:
            async for chunk in chunks:
                yield chunk
        except WatchRefused as refused:
            raise ApiError.from_response(refused.response) from refused

    async def create(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Create a flow; returns it as it is stored."""
        text = await self._client.create(JOBFLOWS, self.namespace, document)
        stored: dict[str, Any] = msgspec.json.decode(text)
        return stored


def _in_steps(selector: str, steps: Sequence[str]) -> str:
    return f"{selector},{labels.STEP} in ({','.join(steps)})"


def _pods_of(job: Job) -> str:
    return f"batch.kubernetes.io/job-name={job.record.metadata.name}"


def _owned(job: Job, items: Sequence[msgspec.Raw]) -> tuple[PodRecord, ...]:
    """Without what an earlier Job of the same name has left."""
    pods = (_pods.decode(item) for item in items)
    uid = job.record.metadata.uid
    return tuple(p for p in pods if p.metadata.owner and p.metadata.owner.uid == uid)
