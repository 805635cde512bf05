"""Where the API server is and how to prove who we are.

Called once at start by the controller and by every CLI command that talks to a cluster. The order:
a kubeconfig or context that was named; the pod's service account; KUBECONFIG or ~/.kube/config.
Rule: what cannot be used is a `LoginError` that names the file and the field, before any request.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class LoginError(Exception):
    """The configuration cannot be used; the message says where to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Everything a transport needs. `*_data` are PEM bytes and win over `*_file`."""

    server: str
    namespace: str = "default"
    ca_file: str | None = None
    ca_data: bytes | None = field(default=None, repr=False)
    insecure: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None
    token: str | None = field(default=None, repr=False)
    token_file: str | None = None
    token_command: Callable[[], str | None] | None = field(default=None, repr=False)
    cert_file: str | None = None
    cert_data: bytes | None = field(default=None, repr=False)
    key_file: str | None = None
    key_data: bytes | None = field(default=None, repr=False)


def connect(
    kubeconfig: str | None = None,
    context: str | None = None,
    *,
    env: Mapping[str, str] | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> Connection:
    """The connection to use. Raises `LoginError`; opens no socket."""
    from jobflows.cluster.kubeconfig import read_kubeconfig  # noqa: PLC0415 - PyYAML only if needed

    env = os.environ if env is None else env
    if kubeconfig is None and context is None and _in_cluster(env, service_account):
        return _service_account(env, service_account)
    path = Path(kubeconfig) if kubeconfig else _default_path(env)
    if not os.path.isfile(path):  # False, too, of a name that no file can have
        raise LoginError(
            f"{path}: no such kubeconfig; name one with --kubeconfig or KUBECONFIG"
            " (and no service account is mounted, so this is not a pod)"
        )
    return read_kubeconfig(path, context)


def _in_cluster(env: Mapping[str, str], folder: Path) -> bool:
    return bool(env.get("KUBERNETES_SERVICE_HOST")) and os.path.isfile(folder / "token")


def _service_account(env: Mapping[str, str], folder: Path) -> Connection:
    host = env["KUBERNETES_SERVICE_HOST"]
    if ":" in host:
        host = f"[{host}]"
    authority = folder / "ca.crt"
    if not os.path.isfile(authority):
        raise LoginError(f"{authority}: missing beside the service account's token")
    namespace = folder / "namespace"
    return Connection(
        server=f"https://{host}:{env.get('KUBERNETES_SERVICE_PORT') or '443'}",
        namespace=namespace.read_text().strip() if namespace.is_file() else "default",
        ca_file=str(authority),
        token_file=str(folder / "token"),
    )


def _default_path(env: Mapping[str, str]) -> Path:
    named = [part for part in env.get("KUBECONFIG", "").split(os.pathsep) if part]
    if len(named) > 1:
        existing = [part for part in named if os.path.isfile(part)]
        if len(existing) > 1:
            raise LoginError(
                f"KUBECONFIG names several files ({os.pathsep.join(existing)}), which are not"
                " merged here; choose one with --kubeconfig"
            )
        named = existing or named[:1]
    if named:
        return Path(named[0])
    home = Path(env["HOME"]) if "HOME" in env else Path.home()
    return home / ".kube" / "config"
