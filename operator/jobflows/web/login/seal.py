"""A token in a cookie: sealed, so that what lies on a disk or in a log opens no API server.

The key is this process's own and is written nowhere: after a restart everybody signs in again.
"""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken

COOKIE = "jobflow-session"

SESSION_SECONDS = 8 * 3600

LARGEST = 3_800
"""Letters that browsers keep in one cookie, less its name and its attributes."""


class TooLongError(Exception):
    """The token is too long for a cookie; the text says what to do."""


class Seal:
    """Seals tokens, and opens what it has sealed."""

    def __init__(self) -> None:
        self._fernet = Fernet(Fernet.generate_key())

    def closed(self, token: str) -> str:
        """The value of a cookie. Raises `TooLongError`."""
        made = self._fernet.encrypt(token.encode()).decode()
        if len(made) > LARGEST:
            raise TooLongError(
                "the token is too long for a cookie; put a proxy in front that sends it as "
                "Authorization with each request"
            )
        return made

    def opened(self, value: str) -> str | None:
        """The token; None of what is old, or was not sealed here."""
        try:
            return self._fernet.decrypt(value.encode(), ttl=SESSION_SECONDS).decode()
        except (InvalidToken, UnicodeError):
            return None
