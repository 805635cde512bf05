"""Certificates for the tests: an authority, and pairs that it signs."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from jobflows.webhook.pki import issue, new_authority

LOOPBACK = "127.0.0.1"


class TestAuthority:
    """Signs certificates for 127.0.0.1."""

    __test__ = False

    def __init__(self) -> None:
        self._authority = new_authority(datetime.now(UTC), timedelta(days=1))
        self.pem = self._authority.certificate.public_bytes(Encoding.PEM)

    def pair(self) -> tuple[bytes, bytes]:
        """A new certificate and its key."""
        return issue(self._authority, [LOOPBACK], datetime.now(UTC), timedelta(hours=1))

    def write(self, folder: Path) -> bytes:
        """A new pair as tls.crt and tls.key; returns the certificate."""
        folder.mkdir(exist_ok=True)
        certificate, key = self.pair()
        (folder / "tls.crt").write_bytes(certificate)
        (folder / "tls.key").write_bytes(key)
        return certificate

    def trust(self) -> ssl.SSLContext:
        """What a client that trusts this authority only uses."""
        return ssl.create_default_context(cadata=self.pem.decode())


def serial_of(certificate: bytes) -> int:
    """The serial number of a certificate, PEM or DER."""
    load = x509.load_der_x509_certificate
    if certificate.startswith(b"-----"):
        load = x509.load_pem_x509_certificate
    return load(certificate).serial_number
