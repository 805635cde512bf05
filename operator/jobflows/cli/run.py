"""`jobflow run`: a flow on this machine, without a cluster."""

import asyncio
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from jobflows.cli.approval import check_approvals
from jobflows.cli.conduct import SUCCEEDED, conduct, notes_console
from jobflows.cli.connection import Output, OutputOption
from jobflows.cli.flowfile import read_flow, split_parameters
from jobflows.cli.tables import say
from jobflows.local import Approver, NothingToResumeError, Observer, Session, prepare


def run(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The flow to run; - is standard input.")
    ],
    *,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=VALUE",
            help="Value of a flow parameter, or of an input that reads a ConfigMap or Secret.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the run. Default: the flow's, and a number."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the run --name if there is one; FILE is its new spec."
        ),
    ] = False,
    parallelism: Annotated[
        int | None, typer.Option(min=1, help="Steps at once. Default: the cores of this machine.")
    ] = None,
    executor: Annotated[
        str,
        typer.Option(
            metavar="process|sequential",
            help="process: steps in parallel; sequential: one after another.",
        ),
    ] = "process",
    workdir: Annotated[
        Path | None,
        typer.Option(help="Directory for logs and volumes. Default: a new one in JOBFLOW_HOME."),
    ] = None,
    approve: Annotated[
        list[str] | None,
        typer.Option(metavar="STEP|all", help="Approve a Manual step before it asks."),
    ] = None,
    wait_for_approval: Annotated[
        bool,
        typer.Option(
            "--wait-for-approval", help="Manual steps wait for `jobflow approve`, and ask nobody."
        ),
    ] = False,
    output: OutputOption = Output.TABLE,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and no table, only the outcome.")
    ] = False,
) -> None:
    """Run a flow on this machine: each step is a process, no cluster and no container is needed.

    The image of a step is not used: its command must exist here. Volumes become directories.

    What is known of the run is kept in $JOBFLOW_HOME, or else in ~/.local/share/jobflows. However
    it ends, `jobflow resume` goes on with it; `list`, `status`, `stop` and the others know it.

    Not applied here: concurrencyPolicy, ttlSecondsAfterFinished, CPU limits.

    Exit code: 0 succeeded, 1 failed or has problems, 2 wrong usage, or a file that cannot be used,
    130 interrupted.

    Examples:

      jobflow run flow.yaml

      jobflow run flow.yaml --param day=2026-01-31 --parallelism 8

      jobflow run flow.yaml --name nightly --resume

      jobflow run flow.yaml --approve all -o json | jq .status.phase

      helm template . | jobflow run - --workdir /tmp/try
    """
    if executor == "sequential" and parallelism not in (None, 1):
        raise typer.BadParameter("--executor sequential runs one step at a time")
    if resume and name is None:
        raise typer.BadParameter("--resume needs --name")
    values = split_parameters(param or [])
    read = read_flow(file, notes_console())
    check_approvals(read.flow.spec.all_steps, approve or [])

    def begin(approver: Approver, observer: Observer) -> Session:
        return prepare(
            read.document,
            parameters=values,
            name=name,
            executor=executor,
            parallelism=parallelism,
            approver=approver,
            observer=observer,
            resume=resume,
            workdir=workdir,
            is_checked=True,
        )

    async def go() -> NoReturn:
        await conduct(
            begin, approve=approve or [], wait=wait_for_approval, quiet=quiet, output=output
        )

    try:
        asyncio.run(go())
    except NothingToResumeError:
        say(f"{name}: succeeded already")
        raise typer.Exit(SUCCEEDED) from None
