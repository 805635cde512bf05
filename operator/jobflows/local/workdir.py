"""Where a run keeps its things.

    <workdir>/status.json                     the ledger, as a JobFlow's status
    <workdir>/<step>/<attempt>/<container>.log
    <workdir>/<step>/<attempt>/<index>/…      one level more for Jobs of several pods
    <workdir>/_volumes/<claim>/               PersistentVolumeClaims, shared by all steps

No step can be called `_volumes`: names of steps have no underscores.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from jobflows.engine import Instant

VOLUMES = "_volumes"


def default_workdir(flow: str, now: Instant, environ: Mapping[str, str] = os.environ) -> Path:
    """The directory of a run that was given none: by flow and second, below the user's state."""
    state = environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S")
    return Path(state) / "jobflow" / "runs" / f"{flow}-{stamp}"


def create_workdir(wanted: Path, *, unique: bool) -> Path:
    """Create a run's directory, for its owner only: logs may hold what a step should not print.

    With `unique` a number is added until the name is new, so that two runs of one second never
    share a directory; without it an existing directory is used as it is. Raises `OSError`.
    """
    path = wanted
    for number in range(2, 1000):
        try:
            path.mkdir(parents=True, mode=0o700, exist_ok=not unique)
            break
        except FileExistsError:
            if not unique:
                raise
            path = wanted.with_name(f"{wanted.name}-{number}")
    return path.absolute()
