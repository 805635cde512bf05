"""The attempts of a step on a cluster: its Jobs, their pods, and what is said about them."""

from __future__ import annotations

from typing import Any

import msgspec

from jobflows.cli.cluster import Cluster
from jobflows.cli.jobs import Job
from jobflows.cli.sight import attempt_of, attempts, sample
from jobflows.cli.story import MOST_ATTEMPTS, Tries
from jobflows.cli.tables import without_empty
from jobflows.cluster import Resource
from jobflows.engine import AttemptState, Observations
from jobflows.manifests.labels import QUEUE
from jobflows.manifests.stages import stages
from jobflows.steering.loaded import Loaded

CORE_EVENTS = Resource("", "v1", "events", "Event")
WORKLOADS = Resource("kueue.x-k8s.io", "v1beta1", "workloads", "Workload")

MOST_PODS = 5
MOST_EVENTS = 3


async def tries_of(cluster: Cluster, loaded: Loaded, name: str) -> Tries:
    """The newest attempts of a step."""
    jobs = await cluster.jobs(loaded.flow, [name])
    return Tries(
        told=[await _attempt(cluster, job) for job in jobs[-MOST_ATTEMPTS:]],
        earlier=max(0, len(jobs) - MOST_ATTEMPTS),
        seen=Observations(attempts=attempts(loaded, jobs, cluster.now())),
        where=f"-n {loaded.flow.namespace}",
    )


async def _attempt(cluster: Cluster, job: Job) -> dict[str, Any]:
    if job.is_batch:
        job = await sample(cluster, job)
    attempt = attempt_of(job, cluster.now())
    state = attempt.state if attempt else AttemptState.STOPPING
    failed = attempt is not None and state is AttemptState.FAILED
    waits = state is AttemptState.RUNNING and attempt is not None and bool(attempt.message)
    return without_empty(
        {
            "number": job.number,
            "job": job.record.metadata.name,
            "state": str(state),
            "cause": str(attempt.cause) if failed and attempt else "",
            "reason": str(attempt.reason) if attempt else "",
            "message": attempt.message if attempt else "",
            "resources": _resources(job),
            "pods": [_pod(pod) for pod in job.pods[:MOST_PODS]],
            "notes": await _notes(cluster, job) if waits else [],
        }
    )


def _pod(pod: Any) -> dict[str, Any]:
    spent = stages(pod)._asdict()
    seconds = {stage: value for stage, value in spent.items() if value is not None}
    return without_empty({"name": pod.metadata.name, "phase": pod.status.phase, "seconds": seconds})


def _resources(job: Job) -> dict[str, Any]:
    """What the containers of an attempt asked for; a retry may have asked for more."""
    template = msgspec.json.decode(job.manifest)["spec"]["template"]["spec"]
    return {
        container["name"]: wanted
        for container in template.get("containers", ())
        if (wanted := without_empty(container.get("resources") or {}))
    }


async def _notes(cluster: Cluster, job: Job) -> list[str]:
    """What Kueue and the warnings about the Job and its pods say of an attempt that waits."""
    notes = []
    meta = job.record.metadata
    if job.record.spec.suspend and QUEUE in meta.labels:
        selector = f"kueue.x-k8s.io/job-uid={meta.uid}"
        for workload in await cluster.items(WORKLOADS, selector):
            for condition in workload.get("status", {}).get("conditions", ()):
                if condition["type"] == "QuotaReserved" and condition["status"] == "False":
                    notes.append(f"Kueue: {condition['message']}")
    for uid in (meta.uid, *(pod.metadata.uid for pod in job.pods[:MOST_PODS])):
        found = await cluster.items(CORE_EVENTS, fields=f"involvedObject.uid={uid},type=Warning")
        notes += [f"{event['reason']}: {event['message']}" for event in found[-MOST_EVENTS:]]
    return notes
