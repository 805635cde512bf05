"""`jobflow logs`: what the pods of a step have printed."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from jobflows.cli.connection import FlowName, SteerError, StepName

if TYPE_CHECKING:
    from jobflows.cli.cluster import Cluster
    from jobflows.manifests.records import PodRecord

MAIN = "main"


async def logs(
    cluster: "Cluster",
    flow: FlowName,
    step: StepName,
    *,
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
    """Print the log of a step's pods.

    Exit code: 0 printed, 1 no such flow or step, or it has no pod, 2 wrong usage, 3 no cluster, or
    not allowed.

    Examples:

      jobflow logs etl load

      jobflow logs etl load --attempt 1 --tail 20
    """
    loaded = await cluster.load(flow)
    loaded.step(step)
    jobs = await cluster.jobs(loaded.flow, [step])
    numbers = [job.number for job in jobs if job.pods]
    wanted = attempt or max(numbers, default=0)
    pods = [pod for job in jobs if job.number == wanted for pod in job.pods]
    if not pods:
        which = f"attempt {attempt} of step {step}" if attempt else f"step {step}"
        raise SteerError(f"{which} has no pod; `jobflow explain {flow} {step}` says why")
    for pod in pods:
        if len(pods) > 1:
            print(f"==> {pod.metadata.name} <==", flush=True)
        query = {"container": container or _main(pod)}
        if tail is not None:
            query["tailLines"] = str(tail)
        sys.stdout.buffer.write(await cluster.log(pod.metadata.name, query))
        sys.stdout.buffer.flush()


def _main(pod: "PodRecord") -> str:
    names = [status.name for status in pod.status.containerStatuses]
    return MAIN if MAIN in names or not names else names[0]
