"""`jobflow`, and `kubectl jobflow`: the commands and what they share.

Exit codes of every command: 0 done, 1 the flow failed, has problems or is not there, 2 wrong usage
or a file that cannot be read, 3 the cluster cannot be reached or does not allow it, 130
interrupted.
"""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from jobflows.cli.connection import on_cluster
from jobflows.cli.explain import explain_flow
from jobflows.cli.flows import list_flows, status
from jobflows.cli.lint import lint
from jobflows.cli.logs import logs
from jobflows.cli.render import render
from jobflows.cli.resume import resume
from jobflows.cli.run import run
from jobflows.cli.steer import approve, pause, reject, set_parallelism, stop, unpause

app = typer.Typer(
    name="jobflow",
    help="Batch workflows as DAGs of Jobs, on a cluster or on this machine.",
    epilog="Exit codes: 0 done, 1 the flow failed, has problems or is not there, 2 wrong usage, "
    "3 the cluster cannot be reached or does not allow it, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, lint, render):
    app.command(rich_help_panel="On this machine")(command)
app.command("list", rich_help_panel="On a cluster")(on_cluster(list_flows))
app.command("explain", rich_help_panel="On a cluster")(on_cluster(explain_flow))
for act in (status, logs, approve, reject, pause, unpause, stop, resume):
    app.command(rich_help_panel="On a cluster")(on_cluster(act))
app.command("set-parallelism", rich_help_panel="On a cluster")(on_cluster(set_parallelism))


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        number = version("jobflows")
    except PackageNotFoundError:  # a checkout that is not installed
        number = "unknown"
    typer.echo(f"jobflow {number}")
    raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Batch workflows as DAGs of Jobs, on a cluster or on this machine."""
