"""Every knob of the operator, in one frozen value.

Made by the command line (`flags.py`) or by a test, read by everybody else; nothing else in the
controller looks at flags or the environment. The rule it keeps: a `Settings` that exists is valid.
What is not is a `SettingError` that names the field, what is wrong and how to put it right.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from jobflows.api.base import INT32_MAX
from jobflows.api.validation.problems import presentable

EventsWanted = Literal["none", "warnings", "all"]
LogFormat = Literal["json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]

_HOST = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.%]+\]|[^\s:\[\]/]*):(?P<port>[0-9]{1,5})")

_KEY = r"(?:[a-z0-9][-a-z0-9.]{0,252}/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_REQUIREMENT = rf"(?:{_KEY}\s*(?:==?|!=)\s*{_VALUE}|{_KEY}\s+(?:not)?in\s*\([^()]*\)|!?\s*{_KEY})"
_SELECTOR = re.compile(rf"\s*{_REQUIREMENT}\s*(?:,\s*{_REQUIREMENT}\s*)*")

_MANY, _ANY = f"1 to {INT32_MAX}", f"0 (no limit) to {INT32_MAX}"


class SettingError(ValueError):
    """A setting that cannot be used: `field` of `Settings`, and a message with the cure."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        self.message = presentable(message)
        super().__init__(self.message)


def own_identity() -> str:
    """The pod's name, or `host_pid` outside of a pod."""
    return os.environ.get("POD_NAME") or f"{socket.gethostname()}_{os.getpid()}"


def own_namespace() -> str | None:
    """The namespace of the pod, if it says so."""
    return os.environ.get("POD_NAMESPACE") or None


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
    archive_required: bool = False
    """Delete a finished flow at the end of its TTL only once it is in the archive."""
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
    shards: int = 1
    """Into how many parts replicas divide the flows; all replicas have to say the same."""
    leader_elect: bool = True
    """Work only while a Lease is held, so that any number of replicas may run."""
    lease_duration: float = 5.0
    """Seconds after which the shards of a replica that died go to others."""
    lease_name: str = ""
    """What the names of Leases begin with; empty follows from the flows that are served."""
    lease_namespace: str | None = None
    """Where the Leases are; None is `pod_namespace`, or the namespace of the connection."""
    webhook_port: int = 0
    """Where the admission webhook is served; 0 is nowhere."""
    webhook_certificates: str | None = None
    """The folder with the webhook's tls.crt and tls.key."""
    webhook_self_managed: str | None = None
    """The Secret in which the operator keeps certificates of its own making."""
    webhook_service: str | None = None
    """Who the webhook is to the API server, `NAME.NAMESPACE.svc`."""
    webhook_certificate_lifetime: float = 90 * 86_400.0
    """Seconds that a certificate of the operator's own lives."""
    pod_namespace: str | None = field(default_factory=own_namespace)
    """Where the operator keeps its Secret; None is the namespace of the connection."""
    authorize_users: bool = True
    """Whether the webhook asks if whoever writes a flow may create what it creates."""

    def __post_init__(self) -> None:
        self._check("max_concurrent_reconciles", lambda n: 1 <= n <= 1000, "1 to 1000")
        self._check("kube_api_qps", lambda n: 0 <= n < float("inf"), "0 (no limit) or more")
        self._check("kube_api_burst", lambda n: 1 <= n <= INT32_MAX, _MANY)
        self._check("kube_api_in_flight", lambda n: 0 <= n <= INT32_MAX, _ANY)
        self._check("status_batch_period", lambda n: 0 <= n <= 60, "0s to 60s")
        self._check("start_window", lambda n: 1 <= n <= INT32_MAX, _MANY)
        self._check("max_concurrent_jobs", lambda n: 0 <= n <= INT32_MAX, _ANY)
        self._check("max_concurrent_jobs_per_namespace", lambda n: 0 <= n <= INT32_MAX, _ANY)
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
        self._check_election()
        if not self.identity:
            raise SettingError("identity", "must not be empty")
        self._check_webhook()
        self.metrics_endpoint  # noqa: B018 - raises for an address that cannot be parsed

    @property
    def lease(self) -> str:
        """What the names of Leases begin with: the same for all who serve the same flows."""
        if self.lease_name:
            return self.lease_name
        parts = ["jobflow-operator", self.watch_namespace or ""]
        if self.label_selector:
            parts.append(hashlib.blake2s(self.label_selector.encode(), digest_size=4).hexdigest())
        return "-".join(filter(None, parts))

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

    def _check_election(self) -> None:
        self._check("shards", lambda n: 1 <= n <= 64, "1 to 64")
        self._check(
            "lease_duration",
            lambda n: 1 <= n <= 3600 and n == int(n),
            "whole seconds, 1s to 1h",
        )
        if self.shards > 1 and not self.leader_elect:
            raise SettingError(
                "shards", "replicas share flows through Leases; leave --no-leader-elect out"
            )
        if 0 < self.max_concurrent_jobs < self.shards:
            raise SettingError(
                "max_concurrent_jobs",
                f"is divided among the shards, so it takes {self.shards} or more, or 0 (no limit)",
            )
        for name, longest in (("lease_name", 230), ("lease_namespace", 63)):
            value = getattr(self, name)
            if value and (not _HOST.fullmatch(value) or len(value) > longest):
                raise SettingError(name, f"{value!r} is not a name; lower case, digits, - and .")

    def _check_webhook(self) -> None:
        self._check("webhook_port", lambda n: 0 <= n <= 65535, "1 to 65535, or 0 (no webhook)")
        self._check(
            "webhook_certificate_lifetime", lambda n: 10 <= n <= 10 * 365 * 86_400, "10s to 87600h"
        )
        sources = ("webhook_certificates", "webhook_self_managed")
        given = [name for name in sources if getattr(self, name)]
        if self.webhook_port and len(given) != 1:
            raise SettingError(
                "webhook_port",
                "the API server talks TLS only; name --webhook-certificates or"
                " --webhook-self-managed, one of them",
            )
        if given and not self.webhook_port:
            raise SettingError(given[0], "without --webhook-port nothing is served; name it, too")
        if bool(self.webhook_self_managed) != bool(self.webhook_service):
            raise SettingError(
                "webhook_self_managed", "and --webhook-service are given together or not at all"
            )
        for name in ("webhook_self_managed", "webhook_service"):
            value = getattr(self, name)
            if value and not _HOST.fullmatch(value):
                raise SettingError(name, f"{value!r} is not a name; lower case, digits, - and .")
        if self.pod_namespace and not _NAMESPACE.fullmatch(self.pod_namespace):
            raise SettingError("pod_namespace", f"{self.pod_namespace!r} is not a namespace's name")

    def _check(self, name: str, holds: Callable[[float], bool], expected: str) -> None:
        value = getattr(self, name)
        if not holds(value):
            raise SettingError(name, f"{value} is out of range; it takes {expected}")

    def _choice(self, name: str, choices: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in choices:
            raise SettingError(name, f"{value!r} is unknown; it takes {', '.join(choices)}")
