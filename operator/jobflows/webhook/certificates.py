"""Certificates from a folder with `tls.crt` and `tls.key`, as cert-manager and others write them.

They are read again every few seconds. Kubernetes changes a mounted Secret by pointing the link
`..data` at another folder; so the key is read from where the certificate really lies, and the two
always belong together. What cannot be read or served is logged once, and the old pair stays.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from jobflows.webhook.serving import CertificateError, Pair, Serving

CERTIFICATE, KEY = "tls.crt", "tls.key"
PERIOD = 5.0

log = logging.getLogger(__name__)


class FileCertificates:
    """Keeps `serving` at what lies in `folder`."""

    def __init__(self, folder: Path, serving: Serving) -> None:
        self._folder = folder
        self._serving = serving
        self._told = ""

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.refresh()
            await asyncio.sleep(PERIOD)

    def refresh(self) -> None:
        """Look once; two small files, so the event loop is not held up."""
        try:
            if self._serving.load(_read(self._folder)):
                log.info("webhook certificate of %s, until %s", self._folder, self._serving.expires)
            self._told = ""
        except CertificateError as error:
            if str(error) != self._told:
                self._told = str(error)
                kept = "the one before stays in use" if self._serving.is_ready else "not serving"
                log.warning("webhook certificate: %s; %s", error, kept)


def _read(folder: Path) -> Pair:
    try:
        certificate = (folder / CERTIFICATE).resolve(strict=True)
        key = certificate.with_name(KEY)
        if not key.is_file():
            key = folder / KEY
        return Pair(str(folder), certificate.read_bytes(), key.read_bytes())
    except OSError as error:
        raise CertificateError(f"{error.filename or folder}: {error.strerror}") from error
