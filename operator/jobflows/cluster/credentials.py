"""The bearer token of the moment.

Used by the HTTP transport. Service account tokens rotate (the kubelet rewrites the file about every
48 minutes) and exec plugins hand out short-lived ones, so a token is looked up again once a minute,
and at once when the server answered 401 to the one in use.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from jobflows.cluster.login import Connection

REFRESH_SECONDS = 60.0

log = logging.getLogger(__name__)


class TokenSource:
    """Answers None for connections that authenticate by certificate or not at all."""

    def __init__(self, connection: Connection) -> None:
        self._file = Path(connection.token_file) if connection.token_file else None
        self._command = connection.token_command
        self._token = connection.token
        self._read_at = float("-inf")

    async def current(self) -> str | None:
        """The token to send now."""
        if self._file is None and self._command is None:
            return self._token
        now = asyncio.get_running_loop().time()
        if now - self._read_at >= REFRESH_SECONDS:
            self._read_at = now  # before awaiting, so that one caller renews and the others go on
            await self._renew()
        return self._token

    async def after_unauthorized(self, used: str | None) -> str | None:
        """A token other than the refused one, or None when there is no other."""
        if self._token == used and (self._file is not None or self._command is not None):
            self._read_at = asyncio.get_running_loop().time()
            await self._renew()
        return self._token if self._token != used else None

    async def _renew(self) -> None:
        try:
            if self._file is not None:
                self._token = self._read(self._file)
            elif self._command is not None:
                # An exec plugin is a subprocess that may take seconds.
                self._token = await asyncio.to_thread(self._command)
        except (OSError, ValueError) as error:
            # The old token may well be good for a while; the server decides.
            log.warning("token cannot be renewed: %s", error)

    @staticmethod
    def _read(path: Path) -> str:
        token = path.read_text(encoding="ascii").strip()
        if not token:
            raise ValueError(f"{path} is empty")
        return token
