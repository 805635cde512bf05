"""The command line of `jobflow-recorder`. Every flag may be given as JOBFLOW_RECORDER_<FLAG>."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from jobflows import __version__
from jobflows.api.durations import parse_span
from jobflows.controller.settings import SettingError, Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

EXAMPLES = """\b
Examples:
  jobflow-recorder --database postgresql://recorder@db/flows --retention 90d
      in a pod; the password comes from the variable PGPASSWORD
  jobflow-recorder --database sqlite:////archive/archive.db --kubeconfig ~/.kube/config
      from a workstation
\b
Exit codes: 0 stopped by SIGTERM or SIGINT, 1 failure, 2 usage."""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"jobflow-recorder {__version__}")
        raise typer.Exit


def _variable(name: str) -> str:
    return f"JOBFLOW_RECORDER_{name}"


@app.command(epilog=EXAMPLES)
def recorder(
    *,
    database: Annotated[
        str,
        typer.Option(
            envvar=_variable("DATABASE"),
            metavar="URL",
            help="sqlite:////path/archive.db or postgresql://user@host/database; tables are made.",
        ),
    ],
    retention: Annotated[
        str,
        typer.Option(
            envvar=_variable("RETENTION"),
            metavar="SPAN",
            help="Remove flows that ended longer ago and are deleted, e.g. 90d.  [default: never]",
        ),
    ] = "",
    origin: Annotated[
        str,
        typer.Option(envvar=_variable("ORIGIN"), help="Name of this cluster in the archive."),
    ] = "cluster",
    usage_period: Annotated[
        float,
        typer.Option(
            envvar=_variable("USAGE_PERIOD"),
            metavar="SECONDS",
            min=0,
            help="How often the metrics API is asked what pods use, while some run; 0: never.",
        ),
    ] = 15.0,
    watch_namespace: Annotated[
        str,
        typer.Option(
            envvar=_variable("WATCH_NAMESPACE"),
            metavar="NAMESPACE",
            help="Record this namespace only.  [default: all]",
        ),
    ] = "",
    metrics_addr: Annotated[
        str,
        typer.Option(
            envvar=_variable("METRICS_ADDR"),
            metavar="[HOST]:PORT",
            help="Where /metrics, /healthz and /readyz are served.",
        ),
    ] = "0.0.0.0:8081",
    kubeconfig: Annotated[
        str,
        typer.Option(
            envvar=_variable("KUBECONFIG"),
            metavar="FILE",
            help="The kubeconfig.  [default: the pod's service account, KUBECONFIG, "
            "~/.kube/config]",
        ),
    ] = "",
    context: Annotated[
        str,
        typer.Option(
            envvar=_variable("CONTEXT"),
            metavar="NAME",
            help="The kubeconfig's context.  [default: its current one]",
        ),
    ] = "",
    log_format: Annotated[
        str,
        typer.Option(
            envvar=_variable("LOG_FORMAT"),
            metavar="json|text",
            help="One JSON object or one text line each.",
        ),
    ] = "json",
    log_level: Annotated[
        str,
        typer.Option(
            envvar=_variable("LOG_LEVEL"),
            metavar="debug|info|warning|error",
            help="The least severe level logged.",
        ),
    ] = "info",
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show it and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Keep what flows do in an archive: runs, steps, attempts, what they used, why they failed.

    Flows never wait for it: while the database is away, it waits and catches up.
    """
    try:
        settings = Settings(
            watch_namespace=watch_namespace or None,
            metrics_address=metrics_addr,
            kubeconfig=os.path.expanduser(kubeconfig) or None,
            context=context or None,
            log_format=log_format,  # type: ignore[arg-type] # checked there
            log_level=log_level,  # type: ignore[arg-type] # the same
        )
    except SettingError as error:
        flag = {"metrics_address": "metrics-addr"}.get(error.field, error.field.replace("_", "-"))
        raise typer.BadParameter(error.message, param_hint=f"--{flag}") from error
    from jobflows.recorder.process import Wanted, run  # noqa: PLC0415 - so that --help is quick

    wanted = Wanted(
        database=database,
        retention=_span(retention) if retention else None,
        origin=origin,
        usage_period=usage_period,
    )
    raise typer.Exit(run(settings, wanted))


def _span(text: str) -> float:
    try:
        return parse_span(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--retention") from None
