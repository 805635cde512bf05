"""Counts what a client wrote, from the API server's own audit log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


class _User(msgspec.Struct):
    username: str = ""


class _Object(msgspec.Struct):
    resource: str = "?"
    subresource: str = ""
    namespace: str = ""
    name: str = ""


class _Answer(msgspec.Struct):
    code: int = 0


class Call(msgspec.Struct):
    """One call as the server wrote it down; `requestObject` only where its policy says so."""

    verb: str
    user: _User
    stage: str = ""
    objectRef: _Object = msgspec.field(default_factory=_Object)  # noqa: N815
    responseStatus: _Answer = msgspec.field(default_factory=_Answer)  # noqa: N815
    requestReceivedTimestamp: str = ""  # noqa: N815
    requestObject: msgspec.Raw = msgspec.Raw(b"{}")  # noqa: N815

    @property
    def what(self) -> str:
        """Such as `patch jobflows/status`."""
        sub = self.objectRef.subresource
        return f"{self.verb} {self.objectRef.resource}{'/' + sub if sub else ''}"


class AuditLog:
    """Reads the log from where it was left the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size
        self._decode = msgspec.json.Decoder(Call).decode

    def calls(self) -> Iterator[Call]:
        """All calls since the last time."""
        with self._path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                yield self._decode(line)

    def writes(self, user: str) -> Counter[str]:
        """Writes of `user` since the last call, as `verb resource`."""
        return Counter(
            call.what
            for call in self.calls()
            if call.verb in WRITES and call.user.username.endswith(user)
        )
