"""Asks the pods of a batch: the failed ones why they failed, those that wait whether in vain, and
those of a map that have succeeded what they have measured.

A Job tells of its tasks little by little. Each time only the pods are read that ended since: to
read them all anew would be, of ten thousand, fifty million.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.resources import PODS
from jobflows.controller.flowstate import FlowState
from jobflows.engine import Instant
from jobflows.engine.indexes import IndexSet
from jobflows.manifests import labels
from jobflows.manifests.observe_batch import (
    SAMPLE,
    Inquiry,
    failed_positions,
    read_outputs,
    read_stuck,
    silent_positions,
)
from jobflows.manifests.records import JobRecord, PodRecord

PAGE = 500
PORTION = 300
"""Pods that are asked for by their position in one call: their numbers have to fit into its URL."""


class _Pods(msgspec.Struct):
    items: list[PodRecord]


_decode = msgspec.json.Decoder(_Pods).decode


class EvidenceReader:
    """Reads pods by their Job; raises what the API server says."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def gather(self, state: FlowState, now: Instant) -> None:
        """Have the sightings of a flow know all that only the pods of its batches can tell."""
        batches = state.sightings.batches
        for (step, _), job in batches.unexplained():
            known = batches.evidence_of(job)
            asked = failed_positions(job) - IndexSet.of(known)
            inquiry = Inquiry(job, asked)
            for portion in _portions(asked):
                inquiry.hear(await self._pods(job, "Failed", positions=portion))
            state.sightings.explain(step, job, {**known, **inquiry.evidence()}, now)
        for (step, _), job in batches.silent():
            asked = silent_positions(job, batches.outputs_of(job))
            said: list[PodRecord] = []
            for portion in _portions(asked):
                said += await self._pods(job, "Succeeded", positions=portion)
            state.sightings.hear(step, job, read_outputs(job, asked, said), now)
        for (step, _), job in batches.standing_still(now):
            pods = await self._pods(job, "Pending", most=SAMPLE)
            stuck = read_stuck(job, pods)
            batches.looked(job, now)
            if stuck:
                state.sightings.explain(step, job, {**batches.evidence_of(job), **stuck}, now)

    async def _pods(
        self, job: JobRecord, phase: str, *, most: int = 0, positions: str = ""
    ) -> list[PodRecord]:
        """The pods of a Job in a phase; only the first page of `most`, if that is given."""
        pods: list[PodRecord] = []
        own = f"batch.kubernetes.io/job-name={job.metadata.name}"
        some = f",{labels.POSITION} in ({positions})" if positions else ""
        async for page in self._client.list_pages(
            PODS,
            job.metadata.namespace,
            label_selector=own + some,
            field_selector=f"status.phase={phase}",
            limit=most or PAGE,
        ):
            pods += _decode(page).items
            if most:
                break
        return pods


def _portions(positions: IndexSet) -> Iterator[str]:
    """The positions as the values of a selector, as many at a time as one call may name."""
    every = list(positions)
    for start in range(0, len(every), PORTION):
        yield ",".join(map(str, every[start : start + PORTION]))
