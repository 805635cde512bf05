"""The command line of `jobflow-operator`: flags and their environment twins, made into `Settings`.

Every flag `--some-name` may be given as `JOBFLOW_SOME_NAME` instead; the flag wins. Flags of
zen-flow keep their names and meaning, so that its Deployment starts with a new image; what differs
is translated before parsing (`zenflow.py`). Exit code 2 and a message with the flag and the cure
for anything that cannot be used.
"""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from jobflows import __version__
from jobflows.api.durations import format_duration, parse_duration
from jobflows.controller import zenflow
from jobflows.controller.settings import SettingError, Settings

EXAMPLES = """\b
Examples:
  jobflow-operator
      serve all namespaces with the pod's service account
  jobflow-operator --kubeconfig ~/.kube/config --context dev --log-format text
      from a workstation
  jobflow-operator --watch-namespace genomics --label-selector tier!=test
      a part of the cluster
  jobflow-operator --shards 3
      one of several replicas that share the flows
  jobflow-operator --max-concurrent-reconciles=50 --kube-api-qps 400 --kube-api-burst 800
      more than a thousand flows at once
\b
Exit codes: 0 stopped by SIGTERM or SIGINT, 1 failure, 2 usage."""

_UNUSUAL = {"metrics_address": "metrics-addr"}
_SWITCHES = ("dry-run", "authorize-users", "archive-required", "leader-elect")
_OPTIONAL = (
    "watch_namespace",
    "kubeconfig",
    "context",
    "lease_namespace",
    "webhook_certificates",
    "webhook_self_managed",
    "webhook_service",
)
_DEFAULTS = Settings(identity="default")


def flag_of(field: str) -> str:
    """The flag that sets a field of `Settings`."""
    return "--" + _UNUSUAL.get(field, field.replace("_", "-"))


def variable_of(field: str) -> str:
    """Its twin in the environment."""
    return "JOBFLOW_" + _UNUSUAL.get(field, field).replace("-", "_").upper()


def in_our_words(arguments: list[str]) -> list[str]:
    """The arguments with switches as Go writes them, `--dry-run=true`, in the words of Typer."""
    spelt = []
    for argument in arguments:
        name, equals, value = argument.removeprefix("--").partition("=")
        if argument.startswith("--") and equals and name in _SWITCHES:
            spelt.append(f"--{name}" if _true(f"--{name}", value) else f"--no-{name}")
        else:
            spelt.append(argument)
    return spelt


class OperatorCommand(TyperCommand):
    """A command that lets zen-flow's arguments pass."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if any(argument == "--master" or argument.startswith("--master=") for argument in args):
            raise typer.BadParameter(
                "not supported; put the address into a kubeconfig and name it with --kubeconfig",
                param_hint="--master",
            )
        args, warnings = zenflow.translate(args)
        for warning in warnings:
            typer.echo(f"warning: {warning}", err=True)
        return super().parse_args(ctx, in_our_words(args))


app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _flag(field: str, text: str, metavar: str | None = None) -> Any:
    names = [flag_of(field)]
    if names[0].removeprefix("--") in _SWITCHES:
        names[0] += f"/--no-{names[0].removeprefix('--')}"
    return typer.Option(*names, envvar=variable_of(field), help=text, metavar=metavar)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"jobflow-operator {__version__}")
        raise typer.Exit


@app.command(cls=OperatorCommand, epilog=EXAMPLES)
def operator(  # noqa: PLR0917 - Typer calls it, by name
    max_concurrent_reconciles: Annotated[
        int, _flag("max_concurrent_reconciles", "Flows worked on at the same time.")
    ] = _DEFAULTS.max_concurrent_reconciles,
    kube_api_qps: Annotated[
        float, _flag("kube_api_qps", "Writes to the API server per second; 0: no limit.")
    ] = _DEFAULTS.kube_api_qps,
    kube_api_burst: Annotated[
        int, _flag("kube_api_burst", "Writes at once before --kube-api-qps applies.")
    ] = _DEFAULTS.kube_api_burst,
    kube_api_in_flight: Annotated[
        int, _flag("kube_api_in_flight", "Writes without an answer yet; 0: no limit.")
    ] = _DEFAULTS.kube_api_in_flight,
    status_batch_period: Annotated[
        str,
        _flag(
            "status_batch_period",
            "Gather changes of a flow's status for so long, e.g. 200ms, or seconds.",
            "DURATION",
        ),
    ] = format_duration(_DEFAULTS.status_batch_period),
    start_window: Annotated[
        int, _flag("start_window", "Steps of one flow started in one go.")
    ] = _DEFAULTS.start_window,
    max_concurrent_jobs: Annotated[
        int,
        _flag(
            "max_concurrent_jobs",
            "Jobs alive at once, of all flows, divided among the shards; 0: no limit.",
        ),
    ] = _DEFAULTS.max_concurrent_jobs,
    max_concurrent_jobs_per_namespace: Annotated[
        int,
        _flag(
            "max_concurrent_jobs_per_namespace",
            "Jobs alive at once, of all flows of a namespace; 0: no limit.",
        ),
    ] = _DEFAULTS.max_concurrent_jobs_per_namespace,
    watch_namespace: Annotated[
        str, _flag("watch_namespace", "Serve this namespace only.  [default: all]", "NAMESPACE")
    ] = "",
    label_selector: Annotated[
        str, _flag("label_selector", "Serve flows with these labels only.", "SELECTOR")
    ] = "",
    metrics_address: Annotated[
        str,
        _flag("metrics_address", "Where /metrics, /healthz and /readyz are served.", "[HOST]:PORT"),
    ] = _DEFAULTS.metrics_address,
    events: Annotated[
        str, _flag("events", "Kubernetes events of transitions.", "none|warnings|all")
    ] = _DEFAULTS.events,
    dry_run: Annotated[bool, _flag("dry_run", "Plan and log, write nothing.")] = False,
    archive_required: Annotated[
        bool,
        _flag(
            "archive_required",
            "Have a finished flow outlive its TTL until jobflow-recorder has archived it.",
        ),
    ] = False,
    shards: Annotated[
        int, _flag("shards", "Parts into which replicas divide the flows; the same for all.")
    ] = _DEFAULTS.shards,
    leader_elect: Annotated[
        bool,
        _flag("leader_elect", "Work only while holding a Lease, so that several may run."),
    ] = _DEFAULTS.leader_elect,
    lease_duration: Annotated[
        str,
        _flag(
            "lease_duration",
            "How long after the death of a replica another takes over.",
            "DURATION",
        ),
    ] = format_duration(_DEFAULTS.lease_duration),
    lease_name: Annotated[
        str,
        _flag(
            "lease_name",
            "Begin of the Leases' names, the same for all replicas that serve the same flows."
            "  [default: from --watch-namespace and --label-selector]",
            "NAME",
        ),
    ] = "",
    lease_namespace: Annotated[
        str,
        _flag(
            "lease_namespace",
            "Where the Leases are.  [default: that of --pod-namespace]",
            "NAMESPACE",
        ),
    ] = "",
    kubeconfig: Annotated[
        str,
        _flag(
            "kubeconfig",
            "The kubeconfig.  [default: the pod's service account, KUBECONFIG, ~/.kube/config]",
            "FILE",
        ),
    ] = "",
    context: Annotated[
        str, _flag("context", "The kubeconfig's context.  [default: its current one]", "NAME")
    ] = "",
    log_format: Annotated[
        str, _flag("log_format", "One JSON object or one text line each.", "json|text")
    ] = _DEFAULTS.log_format,
    log_level: Annotated[
        str, _flag("log_level", "The least severe level logged.", "debug|info|warning|error")
    ] = _DEFAULTS.log_level,
    webhook_port: Annotated[
        int, _flag("webhook_port", "Serve the admission webhook here; 0: nowhere.")
    ] = _DEFAULTS.webhook_port,
    webhook_certificates: Annotated[
        str,
        _flag(
            "webhook_certificates",
            "Folder with the webhook's tls.crt and tls.key; read again when they change.",
            "DIR",
        ),
    ] = "",
    webhook_self_managed: Annotated[
        str,
        _flag(
            "webhook_self_managed",
            "Make the webhook's certificates, keep them in this Secret, and have the webhook"
            " configurations of this name trust them.",
            "NAME",
        ),
    ] = "",
    webhook_service: Annotated[
        str,
        _flag(
            "webhook_service",
            "The webhook's name in certificates of --webhook-self-managed, as the API server"
            " calls it.",
            "NAME.NAMESPACE.svc",
        ),
    ] = "",
    webhook_certificate_lifetime: Annotated[
        str,
        _flag(
            "webhook_certificate_lifetime",
            "How long a certificate of --webhook-self-managed lives; renewed with a third left.",
            "DURATION",
        ),
    ] = format_duration(_DEFAULTS.webhook_certificate_lifetime),
    pod_namespace: Annotated[
        str,
        _flag(
            "pod_namespace",
            "Where the Secret of --webhook-self-managed and the Leases are."
            "  [default: POD_NAMESPACE, or the connection's]",
            "NAMESPACE",
        ),
    ] = "",
    authorize_users: Annotated[
        bool,
        _flag(
            "authorize_users",
            "Have the webhook refuse flows of users who may not create Jobs themselves.",
        ),
    ] = _DEFAULTS.authorize_users,
    identity: Annotated[
        str, _flag("identity", "Name of this process.  [default: POD_NAME or host_pid]", "NAME")
    ] = "",
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show it and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Run the JobFlow operator: each JobFlow is a DAG of steps, each step a batch/v1 Job.

    Every flag may be set in the environment as JOBFLOW_<FLAG>, e.g. JOBFLOW_KUBE_API_QPS=400.
    """
    given = dict(locals())
    del given["_version"]
    for duration in ("status_batch_period", "lease_duration", "webhook_certificate_lifetime"):
        given[duration] = _seconds(flag_of(duration), given[duration])
    for optional in _OPTIONAL:
        given[optional] = given[optional] or None
    for own in ("identity", "pod_namespace"):
        if not given[own]:
            del given[own]
    if given["kubeconfig"]:
        # Shells leave the ~ of --kubeconfig=~/x alone, and so does a pod's environment.
        given["kubeconfig"] = os.path.expanduser(kubeconfig)
    try:
        settings = Settings(**given)
    except SettingError as error:
        raise _usage(flag_of(error.field), error.message) from error
    raise typer.Exit(start(settings))


def start(settings: Settings) -> int:
    """Run with these settings; kopf is imported only now, so that --help is quick."""
    from jobflows.controller.shell import run  # noqa: PLC0415 - see above

    return run(settings)


def _seconds(flag: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parse_duration(text)
    except ValueError as error:
        raise _usage(flag, f"{error}, or seconds such as 0.2") from error


def _true(flag: str, value: str) -> bool:
    if value.lower() in {"true", "t", "1"}:
        return True
    if value.lower() in {"false", "f", "0"}:
        return False
    raise _usage(flag, f"{value!r} is neither true nor false")


def _usage(flag: str, message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint=flag)
