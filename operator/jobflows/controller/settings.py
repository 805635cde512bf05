"""Every knob of the operator, in one frozen value.

Made by the command line (`flags.py`) or by a test, read by everybody else; nothing else in the
controller looks at flags or the environment. The rule it keeps: a `Settings` that exists is valid.
What is not is a `SettingError` that names the field, what is wrong and how to put it right.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

EventsWanted = Literal["none", "warnings", "all"]
LogFormat = Literal["json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.%]+\]|[^\s:\[\]/]*):(?P<port>[0-9]{1,5})")

_KEY = r"(?:[a-z0-9][-a-z0-9.]{0,252}/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_REQUIREMENT = rf"(?:{_KEY}\s*(?:==?|!=)\s*{_VALUE}|{_KEY}\s+(?:not)?in\s*\([^()]*\)|!?\s*{_KEY})"
_SELECTOR = re.compile(rf"\s*{_REQUIREMENT}\s*(?:,\s*{_REQUIREMENT}\s*)*")


class SettingError(ValueError):
    """A setting that cannot be used: `field` of `Settings`, and a message with the cure."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def own_identity() -> str:
    """The pod's name, or `host_pid` outside of a pod."""
    return os.environ.get("POD_NAME") or f"{socket.gethostname()}_{os.getpid()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The operator's configuration. Durations are seconds. Raises `SettingError`."""

    max_concurrent_reconciles: int = 10
    """Flows worked on at the same time: the workers of the queue."""
    kube_api_qps: float = 100.0
    """Writes to the API server per second in the long run; 0 turns the limit off."""
    kube_api_burst: int = 200
    """Writes that may go out at once before `kube_api_qps` holds them back."""
    kube_api_in_flight: int = 64
    """Writes waiting for their answer at the same time; 0 turns the limit off."""
    status_batch_period: float = 0.2
    """Seconds during which changes of one flow are gathered into one status write."""
    start_window: int = 64
    """Steps of one flow started in one reconcile: a wide flow must not starve the others."""
    max_concurrent_jobs: int = 0
    """Attempts alive at the same time, of all flows; 0 is no limit."""
    max_concurrent_jobs_per_namespace: int = 0
    """The same for the flows of each namespace; 0 is no limit."""
    watch_namespace: str | None = None
    """The one namespace to serve; None serves all."""
    label_selector: str = ""
    """Only flows with these labels, in kubectl's syntax; empty takes all."""
    metrics_address: str = "0.0.0.0:8080"
    """Where /metrics, /healthz, /readyz and /version are served: `host:port` or `:port`."""
    events: EventsWanted = "warnings"
    """Kubernetes events: failures and people's decisions, one per transition, or none."""
    dry_run: bool = False
    """Plan and log, write nothing."""
    kubeconfig: str | None = None
    """The kubeconfig file; None takes the pod's service account, KUBECONFIG or ~/.kube/config."""
    context: str | None = None
    """The kubeconfig's context; None takes its current one."""
    log_format: LogFormat = "json"
    """One JSON object or one line of text per record."""
    log_level: LogLevel = "info"
    """The least severe level that is logged."""
    identity: str = field(default_factory=own_identity)
    """Who this process is, in events and logs."""

    def __post_init__(self) -> None:
        self._check("max_concurrent_reconciles", lambda n: 1 <= n <= 1000, "1 to 1000")
        self._check("kube_api_qps", lambda n: 0 <= n < float("inf"), "0 (no limit) or more")
        self._check("kube_api_burst", lambda n: n >= 1, "1 or more")
        self._check("kube_api_in_flight", lambda n: n >= 0, "0 (no limit) or more")
        self._check("status_batch_period", lambda n: 0 <= n <= 60, "0s to 60s")
        self._check("start_window", lambda n: n >= 1, "1 or more")
        self._check("max_concurrent_jobs", lambda n: n >= 0, "0 (no limit) or more")
        self._check("max_concurrent_jobs_per_namespace", lambda n: n >= 0, "0 (no limit) or more")
        self._choice("events", get_args(EventsWanted))
        self._choice("log_format", get_args(LogFormat))
        self._choice("log_level", get_args(LogLevel))
        if self.watch_namespace is not None and not _NAMESPACE.fullmatch(self.watch_namespace):
            raise SettingError(
                "watch_namespace",
                f"{self.watch_namespace!r} is not a namespace's name; give one, without wildcards,"
                " or leave it out to serve all",
            )
        if self.label_selector and not _SELECTOR.fullmatch(self.label_selector):
            raise SettingError(
                "label_selector",
                f"{self.label_selector!r} is not a label selector; write it as for kubectl,"
                " e.g. team=genomics,tier!=test",
            )
        if not self.identity:
            raise SettingError("identity", "must not be empty")
        self.metrics_endpoint  # noqa: B018 - raises for an address that cannot be parsed

    @property
    def metrics_endpoint(self) -> tuple[str | None, int]:
        """`metrics_address` as (host, port); no host means all interfaces, IPv4 and IPv6."""
        parsed = _ADDRESS.fullmatch(self.metrics_address)
        if parsed is None or int(parsed["port"]) > 65535:
            raise SettingError(
                "metrics_address",
                f"{self.metrics_address!r} is not an address; write host:port or :port,"
                " e.g. :8080 or 127.0.0.1:8080",
            )
        return parsed["host"].strip("[]") or None, int(parsed["port"])

    def _check(self, name: str, holds: Callable[[float], bool], expected: str) -> None:
        value = getattr(self, name)
        if not holds(value):
            raise SettingError(name, f"{value} is out of range; it takes {expected}")

    def _choice(self, name: str, choices: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in choices:
            raise SettingError(name, f"{value!r} is unknown; it takes {', '.join(choices)}")
