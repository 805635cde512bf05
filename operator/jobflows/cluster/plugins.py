"""Credentials of exec plugins and auth providers, through the official client's loader.

Called by `kubeconfig.py` for such users only: cloud logins have rules of their own, and the loader
knows them. It keeps a token fresh by running the plugin again when its token has expired.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobflows.cluster.login import LoginError


def plugin_credentials(path: Path, context: str) -> dict[str, Any]:
    """The `Connection` fields of a context's user. Runs the plugin once. Raises `LoginError`."""
    try:
        from kubernetes.client import Configuration  # noqa: PLC0415 - 60 MB for those who need it
        from kubernetes.config import ConfigException, load_kube_config  # noqa: PLC0415
    except ImportError as error:
        raise LoginError(
            f"{path}: context {context}: its user needs a login plugin; install"
            " jobflows[cluster] (the kubernetes package)"
        ) from error
    configuration = Configuration()
    load: Any = load_kube_config  # has no annotations
    try:
        load(
            config_file=str(path),
            context=context,
            client_configuration=configuration,
            persist_config=False,
        )
    except (ConfigException, OSError, ValueError) as error:
        raise LoginError(f"{path}: context {context}: {error}") from error
    token = _token_of(configuration)
    first = token()
    if not first and not configuration.cert_file:
        # The loader logs why and goes on without credentials.
        raise LoginError(f"{path}: context {context}: its login plugin gave no token, see the log")
    return {
        "token": first,
        "token_command": token,
        "cert_file": configuration.cert_file or None,
        "key_file": configuration.key_file or None,
    }


def _token_of(configuration: Any) -> Callable[[], str | None]:
    def token() -> str | None:
        # Runs the loader's refresh hook first.
        value = configuration.get_api_key_with_prefix("authorization", alias="BearerToken")
        return str(value).removeprefix("Bearer ") if value else None

    return token
