"""Where runs are kept on this machine.

    <home>/runs.db           what is known of all runs (`store.py`)
    <home>/locks/<id>        held by whoever runs a run (`lock.py`)
    <home>/runs/<name>/      logs and volumes of a run (`workdir.py`)

A run is data, not state that can be thrown away: somebody resumes it next week.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

FILE = "runs.db"

VARIABLE = "JOBFLOW_HOME"
"""Says where to keep runs; it must be on a disk of this machine, not on a network."""


def data_home(environ: Mapping[str, str] = os.environ) -> Path:
    """The directory for runs: $JOBFLOW_HOME, else below the user's data."""
    own = environ.get(VARIABLE)
    if own:
        return Path(own).absolute()
    data = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "jobflows"
