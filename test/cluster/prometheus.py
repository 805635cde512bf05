"""Prometheus and its promtool: the machine's own, else those of Debian's package."""

import shutil
from pathlib import Path

from cluster import debian
from cluster.paths import cache

PACKAGE = "prometheus"


def at_hand(name: str) -> Path | None:
    """`prometheus` or `promtool`, if nothing has to be fetched for it."""
    found = shutil.which(name) or shutil.which(str(cache() / "debian" / PACKAGE / "usr/bin" / name))
    return Path(found) if found else None


def ensure(name: str) -> Path:
    """The same, fetched if need be; raises UnavailableError."""
    return at_hand(name) or debian.unpacked(PACKAGE) / "usr/bin" / name
