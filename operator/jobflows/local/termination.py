"""What a container has to say in the end: its termination message, or the tail of its log."""

from __future__ import annotations

import os
from pathlib import Path

MESSAGE_BYTES = 4096
"""Longest termination message, as on a cluster."""

TAIL_BYTES = 2048
TAIL_LINES = 80
"""How much of a log FallbackToLogsOnError takes, as on a cluster."""


def read_message(file: Path) -> str:
    """The termination message in `file`; empty when the container left none."""
    try:
        with file.open("rb") as opened:
            return opened.read(MESSAGE_BYTES).decode(errors="replace")
    except OSError:
        return ""


def read_tail(file: Path, *, lines: int = TAIL_LINES, size: int = TAIL_BYTES) -> str:
    """The last lines of a log; a line that was cut is left out when whole ones remain."""
    try:
        with file.open("rb") as opened:
            length = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, length - size))
            text = opened.read().decode(errors="replace")
    except OSError:
        return ""
    kept = text.rstrip().splitlines()
    if length > size and len(kept) > 1:
        kept = kept[1:]
    return "\n".join(kept[-lines:])
