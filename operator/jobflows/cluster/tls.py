"""The TLS side of a connection: whom to trust and who we are.

Used by the HTTP transport. Keys given inline in a kubeconfig touch the disk only for as long as
OpenSSL needs to read them (it takes files only), in a folder no one else can enter.
"""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from jobflows.cluster.login import Connection, LoginError


def tls_context(connection: Connection) -> ssl.SSLContext | None:
    """The context for `https` servers, None for `http`. Raises `LoginError` naming the field."""
    if not connection.server.startswith("https:"):
        return None
    try:
        context = ssl.create_default_context(
            cafile=connection.ca_file,
            cadata=connection.ca_data.decode("ascii") if connection.ca_data else None,
        )
    except (OSError, ValueError) as error:
        raise LoginError(
            f"certificate authority {connection.ca_file or 'data'}: {error}"
        ) from error
    if connection.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _load_client_certificate(context, connection)
    return context


def _load_client_certificate(context: ssl.SSLContext, connection: Connection) -> None:
    cert, key = connection.cert_file, connection.key_file
    if not (cert or connection.cert_data):
        return  # in a pod there is a token, and may be nothing that can be written to
    try:
        with tempfile.TemporaryDirectory(prefix="jobflow-") as folder:
            if connection.cert_data:
                cert = _written(folder, "cert.pem", connection.cert_data)
            if connection.key_data:
                key = _written(folder, "key.pem", connection.key_data)
            if cert:
                context.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:
        source = connection.cert_file or "data"
        raise LoginError(f"client certificate {source}: {error}") from error


def _written(folder: str, name: str, data: bytes) -> str:
    path = Path(folder) / name
    path.write_bytes(data)
    return str(path)
