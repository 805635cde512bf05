"""What the commands ask of a cluster and tell it: flows, their attempts, annotations, fields.

The only module of the command line that knows the client. It reads with the operator's own records
and decodes with its own functions, so that the two never see different things.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from jobflows.api.validation import check
from jobflows.cli.connection import SteerError, unknown
from jobflows.cluster import JOBFLOWS, JOBS, PODS, ApiError, Client, Resource, TransportError
from jobflows.engine import CompiledFlow, Instant, Ledger, read_status
from jobflows.engine.indexes import IndexSet
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests import labels
from jobflows.manifests.records import FlowRecord, JobRecord, PodRecord

MOST_NAMED = 50
"""Steps up to which a list names them; beyond, the whole flow is listed."""

RECONNECT_SECONDS = 1.0

TRIES = 5
"""How often a field is read and written again when somebody else was faster."""


class _Page(msgspec.Struct):
    items: list[msgspec.Raw] = []


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


_pages = msgspec.json.Decoder(_Page)
_lines = msgspec.json.Decoder(_Line)
_flows = msgspec.json.Decoder(FlowRecord)
_jobs = msgspec.json.Decoder(JobRecord)
_pods = msgspec.json.Decoder(PodRecord)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A flow with its ledger. `seen` is whether an operator has ever written a status."""

    record: FlowRecord
    flow: CompiledFlow
    ledger: Ledger
    seen: bool

    def step(self, name: str) -> int:
        """The index of a step; raises `SteerError` with the nearest names."""
        index = self.flow.graph.index.get(name)
        if index is None:
            raise SteerError(unknown(f"flow {self.flow.name} has no step", name, self.names))
        return index

    @property
    def names(self) -> list[str]:
        """All steps."""
        return list(self.flow.graph.names)


@dataclass(frozen=True, slots=True)
class Job:
    """A Job with its pods, of a batch with those that were asked for; `manifest` is all of it."""

    step: str
    number: int
    record: JobRecord
    pods: tuple[PodRecord, ...]
    manifest: bytes

    @property
    def tasks(self) -> IndexSet:
        """The tasks of an array that it runs; none for any other step."""
        return IndexSet.parse(self.record.metadata.annotations.get(labels.TASKS, ""))

    @property
    def is_batch(self) -> bool:
        """Whether it runs tasks of an array."""
        return labels.TASKS in self.record.metadata.annotations

    def pods_by_task(self) -> dict[int, PodRecord]:
        """The pod of each task; of two that Kubernetes made for one, the newer."""
        tasks = list(self.tasks)
        found = {}
        for pod in sorted(self.pods, key=lambda pod: pod.metadata.creationTimestamp):
            position = pod.metadata.labels.get(labels.POSITION, "")
            if position.isdigit() and int(position) < len(tasks):
                found[tasks[int(position)]] = pod
        return found


class Cluster:
    """One namespace of a cluster."""

    def __init__(self, client: Client, namespace: str, *, now: Callable[[], Instant]) -> None:
        self._client = client
        self.namespace = namespace
        self.now = now

    async def flows(self, *, everywhere: bool = False) -> list[FlowRecord]:
        """All flows by namespace and name."""
        found = await self._list(JOBFLOWS, "", None if everywhere else self.namespace)
        records = [_flows.decode(item) for item in found]
        return sorted(records, key=lambda flow: (flow.metadata.namespace, flow.metadata.name))

    async def record(self, name: str) -> FlowRecord:
        """One flow; raises `SteerError` with the nearest names."""
        try:
            return _flows.decode(await self._client.get(JOBFLOWS, self.namespace, name))
        except ApiError as error:
            if not error.not_found or error.details.kind != JOBFLOWS.plural:
                raise
            names = [flow.metadata.name for flow in await self.flows()]
            missing = f"namespace {self.namespace} has no flow"
            raise SteerError(unknown(missing, name, names)) from None

    async def load(self, name: str) -> Loaded:
        """One flow, ready to be asked about; raises `SteerError` when its spec has problems."""
        return loaded(await self.record(name))

    async def follow(self, name: str) -> AsyncIterator[FlowRecord]:
        """A flow as it is now, and again whenever it changes, until it is deleted."""
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
                            record = _flows.decode(line.object)
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

    async def jobs(self, flow: CompiledFlow, steps: Sequence[str]) -> list[Job]:
        """The Jobs of a flow's steps with their pods, by step and attempt.

        Batches come without: an array may have 100,000, of which nobody wants to see all.
        """
        selector = f"{labels.FLOW_UID}={flow.uid}"
        if len(steps) <= MOST_NAMED:
            selector += f",{labels.STEP} in ({','.join(steps)})"
        by_owner: dict[str, list[PodRecord]] = {}
        for item in await self._list(PODS, f"{selector},{labels.SELECTOR}", self.namespace):
            pod = _pods.decode(item)
            if pod.metadata.owner is not None:
                by_owner.setdefault(pod.metadata.owner.uid, []).append(pod)
        found = []
        for item in await self._list(JOBS, selector, self.namespace):
            job = _jobs.decode(item)
            marks = job.metadata.labels
            pods = tuple(by_owner.get(job.metadata.uid, ()))
            number = int(marks[labels.ATTEMPT])
            found.append(Job(marks[labels.STEP], number, job, pods, bytes(item)))
        return sorted(found, key=lambda job: (job.step, job.number))

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
        return replace(job, pods=_owned(job, _pages.decode(page).items))

    async def live_jobs(self) -> list[JobRecord]:
        """All Jobs of flows in the namespace that are not over."""
        found = await self._list(JOBS, labels.SELECTOR, self.namespace)
        return [job for item in found if not (job := _jobs.decode(item)).is_over]

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

    async def patch(self, name: str, **parts: Any) -> None:
        """Change `metadata` and `spec` of a flow in one request."""
        await self._client.patch(JOBFLOWS, self.namespace, name, parts)

    async def edit(self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Patch a flow with `change(flow)`, made again when somebody else wrote in between."""
        for left in reversed(range(TRIES)):
            found = msgspec.json.decode(await self._client.get(JOBFLOWS, self.namespace, name))
            body = change(found)
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            body["metadata"] = body.get("metadata", {}) | version
            try:
                await self.patch(name, **body)
            except ApiError as error:
                if not error.is_conflict or not left:
                    raise
            else:
                return

    async def _list(
        self, resource: Resource, selector: str, namespace: str | None, fields: str = ""
    ) -> list[msgspec.Raw]:
        pages = self._client.list_pages(
            resource, namespace, label_selector=selector, field_selector=fields
        )
        return [item async for page in pages for item in _pages.decode(page).items]


def _pods_of(job: Job) -> str:
    return f"batch.kubernetes.io/job-name={job.record.metadata.name}"


def _owned(job: Job, items: Sequence[msgspec.Raw]) -> tuple[PodRecord, ...]:
    """Without what an earlier Job of the same name has left."""
    pods = (_pods.decode(item) for item in items)
    uid = job.record.metadata.uid
    return tuple(p for p in pods if p.metadata.owner and p.metadata.owner.uid == uid)


def loaded(record: FlowRecord) -> Loaded:
    """Compile a flow and read its ledger; raises `SteerError` when its spec has problems."""
    checked = check(record.document())
    if checked.flow is None or checked.problems:
        words = "; ".join(str(problem) for problem in checked.problems)
        raise SteerError(f"flow {record.metadata.name} is invalid: {words}")
    created = parse_rfc3339(record.metadata.creationTimestamp) or 0.0
    flow = CompiledFlow.compile(checked.flow, created=created)
    status = record.decoded_status()
    return Loaded(record, flow, read_status(flow, status), bool(status.get("phase")))
