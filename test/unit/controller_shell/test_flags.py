"""Flags, their environment twins and what zen-flow's Deployment passes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jobflows.controller import flags, zenflow
from jobflows.controller.settings import Settings


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings the operator was started with, instead of an operator."""
    runs: list[Settings] = []

    def start(settings: Settings) -> int:
        runs.append(settings)
        return 0

    monkeypatch.setattr(flags, "start", start)
    monkeypatch.setenv("POD_NAME", "jobflow-0")
    return runs


def call(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(flags.app, list(arguments), env=env, prog_name="jobflow-operator")


def test_without_flags_the_defaults_hold(started: list[Settings]) -> None:
    assert call().exit_code == 0
    assert started == [Settings(identity="jobflow-0")]


CASES: list[tuple[str, str, str, Any]] = [
    ("--max-concurrent-reconciles", "20", "max_concurrent_reconciles", 20),
    ("--kube-api-qps", "12.5", "kube_api_qps", 12.5),
    ("--kube-api-qps", "0", "kube_api_qps", 0.0),
    ("--kube-api-burst", "7", "kube_api_burst", 7),
    ("--kube-api-in-flight", "0", "kube_api_in_flight", 0),
    ("--status-batch-period", "500ms", "status_batch_period", 0.5),
    ("--status-batch-period", "1.5s", "status_batch_period", 1.5),
    ("--status-batch-period", "0.25", "status_batch_period", 0.25),
    ("--status-batch-period", "0", "status_batch_period", 0.0),
    ("--start-window", "9", "start_window", 9),
    ("--max-concurrent-jobs", "500", "max_concurrent_jobs", 500),
    (
        "--max-concurrent-jobs-per-namespace",
        "50",
        "max_concurrent_jobs_per_namespace",
        50,
    ),
    ("--watch-namespace", "genomics", "watch_namespace", "genomics"),
    ("--watch-namespace", "", "watch_namespace", None),
    ("--label-selector", "team=a,tier!=test", "label_selector", "team=a,tier!=test"),
    ("--metrics-addr", ":9090", "metrics_address", ":9090"),
    ("--events", "all", "events", "all"),
    ("--dry-run", "true", "dry_run", True),
    ("--archive-required", "true", "archive_required", True),
    ("--shards", "3", "shards", 3),
    ("--leader-elect", "false", "leader_elect", False),
    ("--lease-duration", "10s", "lease_duration", 10.0),
    ("--lease-name", "mine", "lease_name", "mine"),
    ("--lease-namespace", "flows", "lease_namespace", "flows"),
    ("--kubeconfig", "/etc/kc", "kubeconfig", "/etc/kc"),
    ("--context", "dev", "context", "dev"),
    ("--log-format", "text", "log_format", "text"),
    ("--log-level", "debug", "log_level", "debug"),
    ("--identity", "me", "identity", "me"),
    ("--webhook-port", "9443", "webhook_port", 9443),
    ("--webhook-certificates", "/tls", "webhook_certificates", "/tls"),
    ("--webhook-self-managed", "hook", "webhook_self_managed", "hook"),
    ("--webhook-service", "hook.flows.svc", "webhook_service", "hook.flows.svc"),
    ("--webhook-certificate-lifetime", "48h", "webhook_certificate_lifetime", 172_800.0),
    ("--pod-namespace", "flows", "pod_namespace", "flows"),
    ("--authorize-users", "false", "authorize_users", False),
]

BESIDE: dict[str, dict[str, str]] = {
    "webhook_port": {"webhook_certificates": "/tls"},
    "webhook_certificates": {"webhook_port": "9443"},
    "webhook_self_managed": {"webhook_port": "9443", "webhook_service": "a.b.svc"},
    "webhook_service": {"webhook_port": "9443", "webhook_self_managed": "a"},
}
"""What a setting needs beside it."""


def beside(field: str) -> list[str]:
    needed = BESIDE.get(field, {})
    return [f"--{name.replace('_', '-')}={value}" for name, value in needed.items()]


@pytest.mark.parametrize(("flag", "value", "field", "expected"), CASES)
def test_a_flag_sets_its_field(
    started: list[Settings], flag: str, value: str, field: str, expected: Any
) -> None:
    result = call(f"{flag}={value}", *beside(field))

    assert result.exit_code == 0, result.output
    assert getattr(started[0], field) == expected
    others = {f.name for f in dataclasses.fields(Settings)} - {field, *BESIDE.get(field, ())}
    plain = Settings(identity="jobflow-0")
    assert all(getattr(started[0], name) == getattr(plain, name) for name in others)


@pytest.mark.parametrize(("flag", "value", "field", "expected"), CASES)
def test_a_variable_does_what_its_flag_does(
    started: list[Settings], flag: str, value: str, field: str, expected: Any
) -> None:
    variable = "JOBFLOW_" + flag.removeprefix("--").replace("-", "_").upper()

    result = call(*beside(field), env={variable: value})

    assert result.exit_code == 0, result.output
    assert getattr(started[0], field) == expected


def test_every_setting_has_a_flag() -> None:
    tested = {field for _, _, field, _ in CASES}
    assert tested == {field.name for field in dataclasses.fields(Settings)}


def test_the_flag_wins_over_the_variable(started: list[Settings]) -> None:
    call("--start-window", "3", env={"JOBFLOW_START_WINDOW": "4"})
    assert started[0].start_window == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max-concurrent-reconciles", "0"], ["--max-concurrent-reconciles", "1 to 1000"]),
        (["--max-concurrent-reconciles", "many"], ["--max-concurrent-reconciles"]),
        (["--kube-api-qps", "-1"], ["--kube-api-qps", "0 (no limit) or more"]),
        (["--kube-api-qps", "nan"], ["--kube-api-qps"]),
        (["--kube-api-burst", "0"], ["--kube-api-burst", "1 to 2147483647"]),
        (["--status-batch-period", "5 parsecs"], ["--status-batch-period", "500ms"]),
        (["--status-batch-period", "2m"], ["--status-batch-period", "0s to 60s"]),
        (["--status-batch-period", "nan"], ["--status-batch-period"]),
        (["--watch-namespace", "team-*"], ["--watch-namespace", "without wildcards"]),
        (["--label-selector", "a=b=c"], ["--label-selector", "as for kubectl"]),
        (["--metrics-addr", "8080"], ["--metrics-addr", ":8080"]),
        (["--metrics-addr", ":99999"], ["--metrics-addr", "host:port"]),
        (["--events", "some"], ["--events", "none, warnings, all"]),
        (["--log-format", "xml"], ["--log-format", "json, text"]),
        (["--log-level", "loud"], ["--log-level", "debug"]),
        (["--dry-run=perhaps"], ["--dry-run", "neither true nor false"]),
        (["--master", "https://10.0.0.1"], ["--master", "--kubeconfig"]),
        (["--master=https://10.0.0.1"], ["--master", "--kubeconfig"]),
        (["--webhook-port", "9443"], ["--webhook-port", "--webhook-certificates"]),
        (
            ["--webhook-port", "9443", "--webhook-certificates", "/a", "--webhook-self-managed=b"],
            ["--webhook-port", "one of them"],
        ),
        (
            ["--webhook-port", "9443", "--webhook-self-managed=b"],
            ["--webhook-self-managed", "--webhook-service"],
        ),
        (
            ["--webhook-port=1", "--webhook-self-managed=b", "--webhook-service=https://x"],
            ["--webhook-service", "is not a name"],
        ),
        (["--webhook-certificate-lifetime", "3s"], ["--webhook-certificate-lifetime", "10s"]),
        (["--webhook-certificate-lifetime", "a while"], ["--webhook-certificate-lifetime"]),
        (["--pod-namespace", "A"], ["--pod-namespace", "not a namespace"]),
        (["--webhook-port", "70000"], ["--webhook-port", "1 to 65535"]),
        (["--webhook-certificates", "/tls"], ["--webhook-certificates", "--webhook-port"]),
        (["--authorize-users=perhaps"], ["--authorize-users", "neither true nor false"]),
        (["--no-such-flag"], ["--no-such-flag"]),
        (["stray"], ["stray"]),
    ],
)
def test_a_bad_value_is_a_usage_error_that_names_flag_and_cure(
    started: list[Settings], arguments: list[str], words: list[str]
) -> None:
    result = call(*arguments)

    assert result.exit_code == 2
    assert not started
    for word in words:
        assert word in " ".join(result.stderr.split())


def test_a_bad_variable_is_named(started: list[Settings]) -> None:
    result = call(env={"JOBFLOW_KUBE_API_BURST": "lots"})
    assert result.exit_code == 2
    assert "JOBFLOW_KUBE_API_BURST" in result.stderr


def test_zen_flows_deployment_starts_with_one_warning(started: list[Settings]) -> None:
    result = call(
        "--metrics-addr=:8080",
        "--webhook-addr=:9444",
        "--webhook-cert-file=/etc/webhook/certs/tls.crt",
        "--webhook-key-file",
        "/etc/webhook/certs/tls.key",
        "--enable-leader-election=true",
        "--leader-election-namespace=zen-flow-system",
        "--leader-election-mode",
        "builtin",
        "--leader-election-id=x",
        "--leader-election-lease-name=y",
        "--enable-webhook",
        "--insecure-webhook=false",
        "--max-concurrent-reconciles=20",
    )

    assert result.exit_code == 0, result.output
    assert started[0].max_concurrent_reconciles == 20
    assert started[0].metrics_address == ":8080"
    assert started[0].webhook_port == 9444
    assert started[0].webhook_certificates == "/etc/webhook/certs"
    assert len(result.stderr.splitlines()) == 1
    for name in zenflow.IGNORED_SWITCHES | zenflow.IGNORED_OPTIONS:
        assert f"--{name}" in result.stderr
    settings = started[0]
    assert settings.leader_elect
    assert (settings.lease_namespace, settings.lease) == ("zen-flow-system", "y")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--enable-webhook"],
        ["--enable-webhook=true", "--webhook-addr=:9443"],
        ["--webhook-cert-file=/certs/tls.crt"],
        ["--webhook-cert-file=/certs/server.pem", "--webhook-key-file=/certs/server.key"],
        ["--webhook-cert-file=/certs/tls.crt", "--webhook-key-file=/keys/tls.key"],
        [
            "--enable-webhook=false",
            "--webhook-cert-file=/certs/tls.crt",
            "--webhook-key-file=/certs/tls.key",
        ],
    ],
)
def test_a_webhook_of_zen_flow_that_cannot_be_had_is_told(
    started: list[Settings], arguments: list[str]
) -> None:
    result = call(*arguments)

    assert result.exit_code == 0, result.output
    assert started[0].webhook_port == 0
    assert "no webhook is served, remove: " in result.stderr
    assert "--webhook-certificates DIR" in result.stderr


def test_zen_flows_webhook_has_its_port(started: list[Settings]) -> None:
    result = call("--webhook-cert-file=/c/tls.crt", "--webhook-key-file=/c/tls.key")

    assert result.stderr == ""
    assert started[0].webhook_port == 9443


def test_flags_of_zen_flow_are_not_in_the_help() -> None:
    help_text = call("--help").stdout
    assert "Examples:" in help_text
    assert "JOBFLOW_KUBE_API_QPS" in help_text
    theirs = zenflow.IGNORED_SWITCHES | zenflow.IGNORED_OPTIONS
    for name in theirs | zenflow.WEBHOOK_SWITCHES | zenflow.WEBHOOK_OPTIONS:
        assert f"--{name} " not in help_text


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("false", False), ("1", True)])
def test_a_switch_may_be_written_as_in_go(
    started: list[Settings], value: str, expected: bool
) -> None:
    call(f"--dry-run={value}")
    assert started[0].dry_run is expected


def test_the_operators_exit_code_is_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flags, "start", lambda settings: 1)
    assert call().exit_code == 1


def test_version_needs_no_cluster(started: list[Settings]) -> None:
    result = call("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("jobflow-operator 0.")
    assert not started
