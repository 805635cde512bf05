"""Where a run keeps its things.

    <workdir>/status.json                     the ledger, as a JobFlow's status, when it has ended
    <workdir>/<step>/<attempt>/<container>.log
    <workdir>/<step>/<attempt>/<index>/…      one level more for Jobs of several pods
    <workdir>/_volumes/<claim>/               PersistentVolumeClaims, shared by all steps

No step can be called `_volumes`: names of steps have no underscores.
"""

from __future__ import annotations

from pathlib import Path

VOLUMES = "_volumes"


def create_workdir(path: Path) -> Path:
    """Create a run's directory, for its owner only: logs may hold what a step should not print.

    One that exists is used as it is. Raises `OSError`.
    """
    path.mkdir(parents=True, mode=0o700, exist_ok=True)
    return path.absolute()
