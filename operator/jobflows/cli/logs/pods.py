"""Logs of pods, as the API server hands them on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobflows.cli.logs.wanted import Wanted, head, write
from jobflows.engine.indexes import union

if TYPE_CHECKING:
    from jobflows.cli.cluster import Cluster
    from jobflows.cli.jobs import Job
    from jobflows.manifests.records import PodRecord
    from jobflows.steering.loaded import Loaded

MAIN = "main"

LOOK_SECONDS = 1.0
"""Seconds between two looks for a pod that has not begun yet."""


async def print_logs(cluster: Cluster, loaded: Loaded, wanted: Wanted, *, follow: bool) -> None:
    """Print what is there, and with `follow` what is to come."""
    if follow:
        await _follow(cluster, loaded, wanted)
        return
    found = await _found(cluster, loaded, wanted)
    if not found:
        raise wanted.nothing("has no pod")
    for title, pod in found.items():
        if len(found) > 1:
            head(title)
        write(await cluster.log(pod.metadata.name, _query(pod, wanted)))


async def _follow(cluster: Cluster, loaded: Loaded, wanted: Wanted) -> None:
    """One pod after the other, as attempts begin, until the step is done."""
    shown: set[str] = set()
    index = loaded.step(wanted.step)
    while True:
        found = await _found(cluster, loaded, wanted)
        fresh = [p for p in found.values() if p.metadata.uid not in shown and _has_begun(p)]
        for pod in fresh:
            if shown:
                head(pod.metadata.name)
            shown.add(pod.metadata.uid)
            async for chunk in cluster.follow_log(pod.metadata.name, _query(pod, wanted)):
                write(chunk)
        if fresh:
            continue
        loaded = await cluster.load(wanted.flow)
        record = loaded.ledger.steps[index] if loaded.ledger.steps else None
        is_over = loaded.ledger.phase.terminal or (record is not None and record.phase.terminal)
        if is_over or (wanted.attempt is not None and shown):
            if not shown:
                raise wanted.nothing("has no pod")
            return
        await asyncio.sleep(LOOK_SECONDS)


def _has_begun(pod: PodRecord) -> bool:
    """Whether there is a log: a container runs, or has run."""
    return pod.status.phase not in ("", "Pending")


def _query(pod: PodRecord, wanted: Wanted) -> dict[str, str]:
    query = {"container": wanted.container or _main(pod)}
    return query if wanted.tail is None else query | {"tailLines": str(wanted.tail)}


async def _found(cluster: Cluster, loaded: Loaded, wanted: Wanted) -> dict[str, PodRecord]:
    """The newest pods by what they are called above their logs."""
    jobs = await cluster.jobs(loaded.flow, [wanted.step])
    if wanted.attempt is not None:
        jobs = [job for job in jobs if job.number == wanted.attempt]
    if loaded.flow.steps[loaded.step(wanted.step)].is_array:
        return await _by_task(cluster, jobs, wanted)
    pods = next((job.pods for job in reversed(jobs) if job.pods), ())
    return {pod.metadata.name: pod for pod in pods}


async def _by_task(cluster: Cluster, jobs: Sequence[Job], wanted: Wanted) -> dict[str, PodRecord]:
    """The newest pod of each task, or of one: a later batch ran those again that had failed."""
    task = wanted.task
    if task is not None:
        for job in reversed([job for job in jobs if task in job.tasks]):
            found = (await cluster.with_pods(job, task)).pods_by_task()
            if task in found:
                return {f"task {task}": found[task]}
        return {}
    wanted.check_number(len(union(job.tasks for job in jobs)))
    newest: dict[int, PodRecord] = {}
    for job in jobs:
        newest |= (await cluster.with_pods(job)).pods_by_task()
    return {f"task {i} ({newest[i].metadata.name})": newest[i] for i in sorted(newest)}


def _main(pod: PodRecord) -> str:
    names = [status.name for status in pod.status.containerStatuses]
    return MAIN if MAIN in names or not names else names[0]
