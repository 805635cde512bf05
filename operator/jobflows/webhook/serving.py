"""The certificate that is served now, changed without a break.

One `SSLContext` for the life of the process: a new certificate goes into it, connections that are
open keep theirs, the next handshake has the new one. A pair that does not fit is tried in a context
of its own first, since half of it would stick to the one in use.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509


class CertificateError(Exception):
    """A certificate that cannot be served; the message says where it lies and what is wrong."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate, its chain behind it, and its key: PEM. `source` is for messages."""

    source: str
    certificate: bytes
    key: bytes = field(repr=False)


class Serving:
    """What the site serves. `context` is usable at once; handshakes fail until a pair is loaded."""

    def __init__(self) -> None:
        self.context = _context()
        self.expires: datetime | None = None
        """The end of the certificate in use; None before the first."""
        self._pair: Pair | None = None

    @property
    def is_ready(self) -> bool:
        """Whether there is a certificate to serve."""
        return self._pair is not None

    def load(self, pair: Pair) -> bool:
        """Serve `pair` from now on; True if it is another one. Raises `CertificateError`."""
        if pair == self._pair:
            return False
        try:
            expires = x509.load_pem_x509_certificate(pair.certificate).not_valid_after_utc
            with _as_file(pair.certificate + b"\n" + pair.key) as path:
                _load(_context(), path)
                _load(self.context, path)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise CertificateError(f"{pair.source}: cannot be served: {error}") from error
        self._pair, self.expires = pair, expires
        return True


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _load(context: ssl.SSLContext, path: str) -> None:
    # Without a password of ours OpenSSL would ask for one, at a terminal that nobody sits at.
    context.load_cert_chain(path, password="")


@contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """`data` under a path, which is all that OpenSSL takes; in memory where the system can."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("certificate")
        try:
            with open(number, "wb", closefd=False) as file:
                file.write(data)
            yield f"/proc/self/fd/{number}"
        finally:
            os.close(number)
    else:
        with tempfile.NamedTemporaryFile(prefix="jobflow-") as file:  # readable by its owner only
            file.write(data)
            file.flush()
            yield file.name
