"""Asks the pods of a batch: the failed ones why they failed, those that wait whether in vain."""

from __future__ import annotations

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.resources import PODS
from jobflows.controller.flowstate import FlowState
from jobflows.engine import Instant
from jobflows.manifests.observe_batch import read_evidence, read_stuck
from jobflows.manifests.records import JobRecord, PodRecord

PAGE = 500
SAMPLE = 20
"""Pods that are looked at to see whether any of a Job can run; all of them share a template."""


class _Pods(msgspec.Struct):
    items: list[PodRecord]


_decode = msgspec.json.Decoder(_Pods).decode


class EvidenceReader:
    """Reads pods by their Job; raises what the API server says."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def gather(self, state: FlowState, now: Instant) -> None:
        """Have the sightings of a flow know why each of its failed tasks failed."""
        batches = state.sightings.batches
        for (step, _), job in batches.unexplained():
            pods = await self._pods(job, "Failed")
            state.sightings.explain(step, job, read_evidence(job, pods), now)
        for (step, _), job in batches.standing_still(now):
            pods = await self._pods(job, "Pending", most=SAMPLE)
            stuck = read_stuck(job, pods)
            batches.looked(job, now)
            if stuck:
                state.sightings.explain(step, job, stuck, now)

    async def _pods(self, job: JobRecord, phase: str, most: int = 0) -> list[PodRecord]:
        """The pods of a Job in a phase; only the first page of `most`, if that is given."""
        pods: list[PodRecord] = []
        async for page in self._client.list_pages(
            PODS,
            job.metadata.namespace,
            label_selector=f"batch.kubernetes.io/job-name={job.metadata.name}",
            field_selector=f"status.phase={phase}",
            limit=most or PAGE,
        ):
            pods += _decode(page).items
            if most:
                break
        return pods
