"""Counts what a client wrote, from the API server's own audit log."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

WRITES = frozenset({"create", "update", "patch", "delete"})


class AuditLog:
    """Reads the log from where it was left the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size

    def writes(self, user: str) -> Counter[str]:
        """Writes of `user` since the last call, as `verb resource`."""
        counts: Counter[str] = Counter()
        with self._path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                entry = json.loads(line)
                if entry["verb"] in WRITES and entry["user"]["username"].endswith(user):
                    reference = entry.get("objectRef", {})
                    resource = reference.get("resource", "?")
                    sub = reference.get("subresource")
                    counts[f"{entry['verb']} {resource}{'/' + sub if sub else ''}"] += 1
        return counts
