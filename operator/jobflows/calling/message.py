"""The termination message: what a program leaves for the flow that it is a step of."""

from __future__ import annotations

import os
from pathlib import Path

MOST_BYTES = 4096
"""Longest message that Kubernetes keeps."""

TERMINATION_LOG = "/dev/termination-log"
TERMINATION_VARIABLE = "JOBFLOW_TERMINATION_LOG"
"""Where a run on one machine wants the message, as jobflows.local says it."""


def leave_message(message: bytes) -> str:
    """Write the termination message, if this is a pod or a step; returns what went wrong."""
    named = os.environ.get(TERMINATION_VARIABLE)
    path = Path(named or TERMINATION_LOG)
    if named is None and not (path.is_file() and os.access(path, os.W_OK)):
        return ""
    try:
        path.write_bytes(message)
    except OSError as error:
        return f"{path}: the summary cannot be written: {error.strerror}"
    return ""
