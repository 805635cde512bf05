"""Where things are kept: built binaries and images shared by all clusters, state for each.

Rule: nothing is written outside the cache folder, so that deleting it undoes everything but the
Debian packages of the real mode.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ClusterError

SOURCE = Path(__file__).resolve().parent


def cache() -> Path:
    """The folder that outlives clusters: `JOBFLOW_CLUSTER_CACHE`, else one in the user's cache."""
    chosen = os.environ.get("JOBFLOW_CLUSTER_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser().resolve() / "jobflow-cluster"


@dataclass(frozen=True, slots=True)
class State:
    """The folder of one cluster: credentials, data, logs and the record of its processes."""

    name: str

    def __post_init__(self) -> None:
        # The name becomes part of file names and of a control group.
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", self.name):
            raise ClusterError(
                f"cluster name {self.name!r}: use up to 22 of a-z, 0-9 and -, not - at an end"
            )

    @property
    def folder(self) -> Path:
        """All of it is below this; it exists while the cluster does."""
        return cache() / "state" / self.name

    @property
    def kubeconfig(self) -> Path:
        """The file for people and tests; components have their own."""
        return self.folder / "kubeconfig"

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.folder / "logs"

    @property
    def processes(self) -> Path:
        """One file a process, with its id and start time."""
        return self.folder / "processes"

    @property
    def record(self) -> Path:
        """What `up` told; missing while it has not ended well."""
        return self.folder / "record.json"

    @property
    def lock(self) -> Path:
        """Beside the folder, not in it: it is held while the folder is deleted."""
        return cache() / "state" / f"{self.name}.lock"

    def write(self, relative: str, text: str, mode: int = 0o644) -> Path:
        """Write a file below the folder, making folders on the way; returns its path."""
        path = self.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=mode)
        path.write_text(text)
        return path


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold a file lock. The kernel drops it when the holder dies, so it never needs clearing."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
