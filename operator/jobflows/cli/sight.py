"""What a command sees of a flow's attempts: the operator's view, and the passing stages on top.

Only what can explain something is asked for: of a flow of ten thousand steps, the Jobs and pods of
those that are on their way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from jobflows.cli.cluster import Cluster
from jobflows.cli.jobs import Job
from jobflows.cluster import CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS
from jobflows.engine import (
    Attempt,
    AttemptState,
    CompiledFlow,
    Instant,
    LockUse,
    Observations,
    explain,
)
from jobflows.manifests import labels
from jobflows.manifests.holdup import starting
from jobflows.manifests.observe import observe_attempt
from jobflows.manifests.observe_batch import (
    GONE,
    SAMPLE,
    Evidence,
    failed_positions,
    is_batch,
    observe_batch,
    read_evidence,
    read_stuck,
    stands_still,
)
from jobflows.manifests.records import JobStatus
from jobflows.manifests.resources import build_resources
from jobflows.steering.loaded import Loaded


async def look(cluster: Cluster, loaded: Loaded) -> Observations:
    """What is seen of the steps that are on their way."""
    if loaded.ledger.phase.terminal:
        return Observations()
    known = explain(loaded.flow, loaded.ledger, cluster.now())
    live = [said.step for said in known if not said.phase.terminal and not said.blocked_by]
    jobs = await cluster.jobs(loaded.flow, *_split(loaded.flow, live)) if live else []
    jobs = [await _if_it_stands_still(cluster, job) for job in jobs]
    return Observations(
        attempts=attempts(loaded, jobs, cluster.now()),
        locks=await _locks(cluster, loaded.flow),
        resources_ready=bool(jobs) or await _resources_ready(cluster, loaded),
    )


def _split(flow: CompiledFlow, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Steps that are no arrays, and those that are."""
    apart: tuple[list[str], list[str]] = ([], [])
    for name in names:
        apart[flow.steps[flow.graph.index[name]].is_array].append(name)
    return apart


def attempts(loaded: Loaded, jobs: Iterable[Job], now: Instant) -> dict[int, Sequence[Attempt]]:
    """The attempts that Jobs stand for, by step index, oldest first."""
    found: dict[int, list[Attempt]] = {}
    for job in jobs:
        index = loaded.flow.graph.index.get(job.step)
        attempt = attempt_of(job, now)
        if index is not None and attempt is not None:
            found.setdefault(index, []).append(attempt)
    return dict(found)


def attempt_of(job: Job, now: Instant) -> Attempt | None:
    """A Job as the engine sees it, with the stage of its start when nothing worse is known."""
    if is_batch(job.record):
        attempt: Attempt | None = observe_batch(job.number, job.record, _evidence(job), None, now)
    else:
        attempt = observe_attempt(job.number, job.record, job.pods, wants_output=False, now=now)
    if attempt is None or attempt.state is not AttemptState.RUNNING or attempt.message:
        return attempt
    if job.is_batch and not job.pods and job.record.status != JobStatus():
        return attempt  # nobody asked for its pods
    if job.record.status.active and not job.pods:
        return attempt  # its pod runs, or was not there a moment ago
    stage = starting(job.record, job.pods)
    return replace(attempt, reason=stage.reason, message=stage.message) if stage else attempt


async def sample(cluster: Cluster, job: Job) -> Job:
    """A batch with the pods that tell most about it: those that failed, wait, run or are done."""
    if failed_positions(job.record):
        phase = "Failed"
    elif stands_still(job.record):
        phase = "Pending"
    else:
        phase = "Succeeded" if job.record.is_over else "Running"
    return await cluster.sampled(job, phase, SAMPLE)


async def _if_it_stands_still(cluster: Cluster, job: Job) -> Job:
    """Where some pods of a batch got ready, nothing holds it up, and nobody has to look."""
    if job.is_batch and stands_still(job.record):
        return await cluster.sampled(job, "Pending", SAMPLE)
    return job


def _evidence(job: Job) -> dict[int, Evidence]:
    """Why tasks failed; what some pods say is taken for what all of them would."""
    if not job.pods:
        return {}
    if stands_still(job.record):
        return read_stuck(job.record, job.pods)
    found = read_evidence(job.record, job.pods)
    told = next((one for one in found.values() if one is not GONE), GONE)
    return {position: told if one is GONE else one for position, one in found.items()}


async def _locks(cluster: Cluster, flow: CompiledFlow) -> dict[str, LockUse]:
    """What other flows of the namespace hold of this flow's locks."""
    if not flow.lock_names:
        return {}
    uses: dict[str, LockUse] = {}
    for job in await cluster.live_jobs():
        if job.metadata.labels.get(labels.FLOW_UID) == flow.uid:
            continue
        for name, limit in labels.read_locks(job.metadata.annotations).items():
            uses[name] = uses.get(name, LockUse(0, limit)).and_also(1, limit)
    return uses


async def _resources_ready(cluster: Cluster, loaded: Loaded) -> bool:
    for manifest in build_resources(loaded.flow):
        is_map = manifest["kind"] == "ConfigMap"
        resource = CONFIG_MAPS if is_map else PERSISTENT_VOLUME_CLAIMS
        if not await cluster.exists(resource, manifest["metadata"]["name"]):
            return False
    return True
