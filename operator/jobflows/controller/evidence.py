"""Asks the failed pods of a batch why they failed, when its Job says that they did."""

from __future__ import annotations

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.resources import PODS
from jobflows.controller.flowstate import FlowState
from jobflows.engine import Instant
from jobflows.manifests.observe_batch import read_evidence
from jobflows.manifests.records import JobRecord, PodRecord


class _Pods(msgspec.Struct):
    items: list[PodRecord]


_decode = msgspec.json.Decoder(_Pods).decode


class EvidenceReader:
    """Reads pods by their Job; raises what the API server says."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def gather(self, state: FlowState, now: Instant) -> None:
        """Have the sightings of a flow know why each of its failed tasks failed."""
        for step, number, job in state.sightings.unexplained():
            pods = await self._failed_pods(job)
            state.sightings.explain(step, number, job, read_evidence(job, pods), now)

    async def _failed_pods(self, job: JobRecord) -> list[PodRecord]:
        pods: list[PodRecord] = []
        async for page in self._client.list_pages(
            PODS,
            job.metadata.namespace,
            label_selector=f"batch.kubernetes.io/job-name={job.metadata.name}",
            field_selector="status.phase=Failed",
        ):
            pods += _decode(page).items
        return pods
