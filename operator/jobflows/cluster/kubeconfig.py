"""Reads a kubeconfig file: one context, its cluster and its user.

Called by `login.connect`. Tokens, token files and client certificates are understood here; users
with an exec plugin or an auth provider are handed to the official client's loader, imported for
them only because that import costs a hundred times what this module does.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import Any

import yaml

from jobflows.cluster.login import Connection, LoginError

_PLUGINS = ("exec", "auth-provider")
_UNSUPPORTED = ("as", "as-uid", "as-groups", "as-user-extra", "username", "password")


def read_kubeconfig(path: Path, context: str | None = None) -> Connection:
    """The connection of `context` or of the file's current context. Raises `LoginError`."""
    config = _load(path)
    name = context or config.get("current-context")
    if not name:
        raise LoginError(f"{path}: current-context is not set; choose one with --context")
    chosen = _Section(path, f"contexts[{name}].context", _named(path, config, "contexts", name))
    cluster_name = chosen.text("cluster", required=True)
    cluster = _Section(
        path, f"clusters[{cluster_name}].cluster", _named(path, config, "clusters", cluster_name)
    )
    user_name = chosen.text("user")
    user = _Section(
        path,
        f"users[{user_name}].user",
        _named(path, config, "users", user_name) if user_name else {},
    )
    server = cluster.text("server", required=True) or ""
    if not server.startswith(("https://", "http://")):
        raise LoginError(f"{cluster.where('server')}: {server!r} is no http(s) address")
    common: dict[str, Any] = {
        "server": server,
        "namespace": chosen.text("namespace") or "default",
        "insecure": cluster.flag("insecure-skip-tls-verify"),
        "tls_server_name": cluster.text("tls-server-name"),
        "proxy_url": cluster.text("proxy-url"),
        "ca_data": cluster.data("certificate-authority-data"),
        "ca_file": cluster.file("certificate-authority"),
    }
    for field in _UNSUPPORTED:
        if user.has(field):
            raise LoginError(f"{user.where(field)}: not supported")
    if any(user.has(field) for field in _PLUGINS):
        from jobflows.cluster.plugins import plugin_credentials  # noqa: PLC0415 - heavy, see above

        return Connection(**common, **plugin_credentials(path, str(name)))
    cert_data, cert_file = user.data("client-certificate-data"), user.file("client-certificate")
    key_data, key_file = user.data("client-key-data"), user.file("client-key")
    if bool(cert_data or cert_file) != bool(key_data or key_file):
        missing = "client-key" if cert_data or cert_file else "client-certificate"
        raise LoginError(f"{user.where(missing)}: missing beside its counterpart")
    return Connection(
        **common,
        token=user.text("token"),
        # kubectl prefers the token to the file when both are given.
        token_file=None if user.text("token") else user.file("tokenFile"),
        cert_data=cert_data,
        cert_file=cert_file,
        key_data=key_data,
        key_file=key_file,
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            config = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        raise LoginError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise LoginError(f"{path}: not YAML: {error}") from error
    if not isinstance(config, dict):
        raise LoginError(f"{path}: not a kubeconfig")
    return config


def _named(path: Path, config: dict[str, Any], section: str, name: object) -> dict[str, Any]:
    """The inner mapping of the entry called `name` in a list such as `contexts`."""
    for entry in config.get(section) or []:
        if isinstance(entry, dict) and entry.get("name") == name:
            inner = entry.get(section.removesuffix("s"))
            return inner if isinstance(inner, dict) else {}
    raise LoginError(f"{path}: {section} has no entry named {name!r}")


class _Section:
    """One mapping of the file, read field by field with errors that say where."""

    def __init__(self, path: Path, place: str, values: dict[str, Any]) -> None:
        self._path = path
        self._place = place
        self._values = values

    def where(self, field: str) -> str:
        return f"{self._path}: {self._place}.{field}"

    def has(self, field: str) -> bool:
        return bool(self._values.get(field))

    def text(self, field: str, *, required: bool = False) -> str | None:
        value = self._values.get(field)
        if value is None or value == "":
            if required:
                raise LoginError(f"{self.where(field)}: missing")
            return None
        if not isinstance(value, str):
            raise LoginError(f"{self.where(field)}: must be a string")
        return value

    def flag(self, field: str) -> bool:
        value = self._values.get(field, False)
        if not isinstance(value, bool):
            raise LoginError(f"{self.where(field)}: must be true or false")
        return value

    def data(self, field: str) -> bytes | None:
        text = self.text(field)
        if text is None:
            return None
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise LoginError(f"{self.where(field)}: not base64: {error}") from error

    def file(self, field: str) -> str | None:
        """A path, relative to the kubeconfig's folder. Ignored beside its `-data` twin."""
        text = self.text(field)
        if text is None or self.has(f"{field}-data"):
            return None
        path = self._path.parent / text
        if not os.path.isfile(path):
            raise LoginError(f"{self.where(field)}: no such file: {path}")
        return str(path)
