"""`jobflow run`: a flow on this machine, without a cluster."""

import asyncio
import secrets
import sys
import uuid
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobflows.cli.approval import Approvals, check_approvals
from jobflows.cli.connection import Output, OutputOption
from jobflows.cli.flowfile import UNREADABLE, compile_flow, read_flow
from jobflows.cli.progress import Lines, LiveTable, Progress, Silent
from jobflows.cli.summary import describe_run, print_logs, print_outcome, print_steps
from jobflows.cli.tables import console, print_document
from jobflows.engine import CompiledFlow, FlowPhase, Ledger, Reason
from jobflows.local import (
    Clock,
    LocalRunner,
    Sources,
    UnavailableError,
    collect_sources,
    create_workdir,
    default_workdir,
    earlier_measures,
    signals_stop,
    steady_clock,
)

SUCCEEDED, FAILED, INTERRUPTED = 0, 1, 130


class Executor(StrEnum):
    """What runs the steps."""

    PROCESS = "process"
    SEQUENTIAL = "sequential"


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
    parallelism: Annotated[
        int | None, typer.Option(min=1, help="Steps at once. Default: the cores of this machine.")
    ] = None,
    executor: Annotated[
        Executor, typer.Option(help="process: steps in parallel; sequential: one after another.")
    ] = Executor.PROCESS,
    workdir: Annotated[
        Path | None,
        typer.Option(help="Directory for logs, volumes and status. Default: a new one."),
    ] = None,
    approve: Annotated[
        list[str] | None,
        typer.Option(metavar="STEP|all", help="Approve a Manual step before it asks."),
    ] = None,
    output: OutputOption = Output.TABLE,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and no table, only the outcome.")
    ] = False,
) -> None:
    """Run a flow on this machine: each step is a process, no cluster and no container is needed.

    The image of a step is not used: its command must exist here. Volumes become directories.

    Not applied here: concurrencyPolicy, ttlSecondsAfterFinished, suspend, resource limits.

    Exit code: 0 succeeded, 1 failed or has problems, 2 wrong usage, 130 interrupted.

    Examples:

      jobflow run flow.yaml

      jobflow run flow.yaml --param day=2026-01-31 --parallelism 8

      jobflow run flow.yaml --approve all -o json | jq .status.phase

      helm template . | jobflow run - --workdir /tmp/try
    """
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    if executor is Executor.SEQUENTIAL:
        if parallelism not in (None, 1):
            raise typer.BadParameter("--executor sequential runs one step at a time")
        parallelism = 1
    model = read_flow(file, notes)
    clock = steady_clock()
    flow, values = compile_flow(
        model, param or [], uid=uuid.uuid4().hex, suffix=secrets.token_hex(3)[:5], now=clock()
    )
    check_approvals(flow, approve or [])
    try:
        sources = collect_sources(flow, values)
        directory = create_workdir(
            workdir or default_workdir(flow.name, clock()), unique=workdir is None
        )
    except (UnavailableError, OSError) as error:
        notes.print(f"{error}", style="red", markup=False)
        raise typer.Exit(UNREADABLE) from None
    progress = _progress(flow, clock, notes, quiet=quiet)
    if flow.suspend:
        progress.say("spec.suspend is not applied to a run on this machine")
        flow = replace(flow, suspend=False)
    approvals = Approvals(approve or [], progress, may_ask=sys.stdin.isatty() and notes.is_terminal)
    ledger = asyncio.run(
        _run(
            flow,
            directory,
            sources=sources,
            clock=clock,
            progress=progress,
            approvals=approvals,
            parallelism=parallelism,
        )
    )
    if output is Output.TABLE:
        out = console()
        if not quiet:
            print_steps(out, flow, ledger, approvals.reasons)
            print_logs(out, flow, ledger, directory)
        print_outcome(out, ledger, directory)
    else:
        document = describe_run(flow, ledger, directory, clock())
        print_document(document, as_json=output is Output.JSON)
    raise typer.Exit(_exit_code(ledger))


async def _run(
    flow: CompiledFlow,
    directory: Path,
    *,
    sources: Sources,
    clock: Clock,
    progress: Progress,
    approvals: Approvals,
    parallelism: int | None,
) -> Ledger:
    runner = LocalRunner(
        flow,
        workdir=directory,
        sources=sources,
        clock=clock,
        approver=approvals,
        parallelism=parallelism,
        observer=progress.observe,
        measured=earlier_measures(flow, default_workdir(flow.name, clock()).parent),
    )
    with signals_stop(runner, progress.say), progress:
        ledger = await runner.run()
    if runner.journal_problem is not None:
        progress.say(f"the status could not be written: {runner.journal_problem}")
    return ledger


def _progress(flow: CompiledFlow, clock: Clock, notes: Console, *, quiet: bool) -> Progress:
    if quiet:
        return Silent(notes)
    return (LiveTable if notes.is_terminal else Lines)(notes, flow, clock)


def _exit_code(ledger: Ledger) -> int:
    if ledger.reason in (Reason.STOPPED, Reason.TERMINATED):
        return INTERRUPTED
    return SUCCEEDED if ledger.phase is FlowPhase.SUCCEEDED else FAILED
