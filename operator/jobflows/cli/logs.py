"""`jobflow logs`: what the pods of a step have printed."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from jobflows.cli.connection import FlowName, SteerError, StepName
from jobflows.engine.indexes import union

if TYPE_CHECKING:
    from jobflows.cli.cluster import Cluster, Job
    from jobflows.manifests.records import PodRecord

MAIN = "main"

MOST_TASKS = 100
"""Tasks of an array whose logs are printed one after the other."""


async def logs(
    cluster: "Cluster",
    flow: FlowName,
    step: StepName,
    *,
    task: Annotated[
        int | None,
        typer.Option(min=0, metavar="INDEX", help="One task of an array. Default: all of them."),
    ] = None,
    attempt: Annotated[
        int | None, typer.Option(min=1, help="Number of the attempt. Default: the newest.")
    ] = None,
    container: Annotated[
        str | None,
        typer.Option("--container", "-c", help="Default: main, or the first container."),
    ] = None,
    tail: Annotated[
        int | None, typer.Option(min=0, help="Last lines only. Default: all of it.")
    ] = None,
) -> None:
    """Print the log of a step's pods; of an array, that of the newest attempt of each task.

    Exit code: 0 printed, 1 no such flow or step, or it has no pod, 2 wrong usage, 3 no cluster, or
    not allowed.

    Examples:

      jobflow logs etl load

      jobflow logs etl load --attempt 1 --tail 20

      jobflow logs sweep fit --task 7
    """
    loaded = await cluster.load(flow)
    is_array = loaded.flow.steps[loaded.step(step)].is_array
    if task is not None and not is_array:
        raise SteerError(f"step {step} of flow {flow} is no array; leave out --task")
    jobs = await cluster.jobs(loaded.flow, [step])
    if attempt is not None:
        jobs = [job for job in jobs if job.number == attempt]
    pods = await _by_task(cluster, jobs, step, task) if is_array else _newest(jobs)
    if not pods:
        which = f"attempt {attempt} of step {step}" if attempt else f"step {step}"
        which = which if task is None else f"task {task} in {which}"
        raise SteerError(f"{which} has no pod; `jobflow explain {flow} {step}` says why")
    for title, pod in pods.items():
        if len(pods) > 1:
            print(f"==> {title} <==", flush=True)
        query = {"container": container or _main(pod)}
        if tail is not None:
            query["tailLines"] = str(tail)
        sys.stdout.buffer.write(await cluster.log(pod.metadata.name, query))
        sys.stdout.buffer.flush()


def _newest(jobs: Sequence["Job"]) -> dict[str, "PodRecord"]:
    """The pods of the newest attempt that has any, by their names."""
    pods = next((job.pods for job in reversed(jobs) if job.pods), ())
    return {pod.metadata.name: pod for pod in pods}


async def _by_task(
    cluster: "Cluster", jobs: Sequence["Job"], step: str, task: int | None
) -> dict[str, "PodRecord"]:
    """The newest pod of each task, or of one: a later batch ran those again that had failed."""
    if task is not None:
        for job in reversed([job for job in jobs if task in job.tasks]):
            found = (await cluster.with_pods(job, task)).pods_by_task()
            if task in found:
                return {f"task {task}": found[task]}
        return {}
    tasks = union(job.tasks for job in jobs)
    if len(tasks) > MOST_TASKS:
        raise SteerError(f"step {step} has the logs of {len(tasks)} tasks; choose one by --task N")
    newest: dict[int, PodRecord] = {}
    for job in jobs:
        newest |= (await cluster.with_pods(job)).pods_by_task()
    return {f"task {i} ({newest[i].metadata.name})": newest[i] for i in sorted(newest)}


def _main(pod: "PodRecord") -> str:
    names = [status.name for status in pod.status.containerStatuses]
    return MAIN if MAIN in names or not names else names[0]
