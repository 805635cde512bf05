"""What a command sees of a flow's attempts: the operator's view, and the passing stages on top.

Only what can explain something is asked for: of a flow of ten thousand steps, the Jobs and pods of
those that are on their way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from jobflows.cli.cluster import Cluster, Job, Loaded
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
    is_batch,
    observe_batch,
    read_evidence,
    read_stuck,
    stands_still,
)
from jobflows.manifests.resources import build_resources


async def look(cluster: Cluster, loaded: Loaded) -> Observations:
    """What is seen of the steps that are on their way."""
    if loaded.ledger.phase.terminal:
        return Observations()
    known = explain(loaded.flow, loaded.ledger, cluster.now())
    live = [said.step for said in known if not said.phase.terminal and not said.blocked_by]
    jobs = await cluster.jobs(loaded.flow, live) if live else []
    return Observations(
        attempts=attempts(loaded, jobs, cluster.now()),
        locks=await _locks(cluster, loaded.flow),
        resources_ready=bool(jobs) or await _resources_ready(cluster, loaded),
    )


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
        evidence = read_evidence(job.record, job.pods)
        if not evidence and stands_still(job.record):
            evidence = read_stuck(job.record, job.pods)
        attempt: Attempt | None = observe_batch(job.number, job.record, evidence, now)
    else:
        attempt = observe_attempt(job.number, job.record, job.pods, wants_output=False, now=now)
    if attempt is None or attempt.state is not AttemptState.RUNNING or attempt.message:
        return attempt
    stage = starting(job.record, job.pods)
    return replace(attempt, reason=stage.reason, message=stage.message) if stage else attempt


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
